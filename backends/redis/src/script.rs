//! Scripts: what the server does in one step.

use redis::{Script, ScriptInvocation};

/// The script `lua/NAME` beside the file that asks for it, behind what it shares with others in
/// `lua/common.lua`, and both behind a first line, if there is one.
macro_rules! script {
    ($file:literal) => {
        $crate::script::script!($file, "")
    };
    ($file:literal, $first_line:literal) => {
        redis::Script::new(concat!(
            $first_line,
            "\n",
            include_str!("lua/common.lua"),
            "\n",
            include_str!(concat!("lua/", $file))
        ))
    };
}
pub(crate) use script;

/// The beginning of a call. The prefix is also the key that tells a cluster which node is meant.
pub(crate) fn call<'a>(script: &'a Script, prefix: &str) -> ScriptInvocation<'a> {
    let mut call = script.key(prefix);
    call.arg(prefix);
    call
}
