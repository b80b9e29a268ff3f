//! The package clients: pip, npm, apt. They know the mirrors, proxies and credentials of the user.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use super::error::SourceFailure;
use crate::manifest::{Package, PypiForm};

/// Longer than any package of ours takes on a slow line, so that nothing is waited for without end.
const CLIENT_TIMEOUT: Duration = Duration::from_mins(30);
/// How many of a client's last words are passed on, bytes.
const LAST_WORDS: usize = 400;
/// Wheels are chosen for this Python, so that the user's own version does not matter.
const PYTHON_VERSION: &str = "3.11";

/// The programs that fetch packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clients {
    /// Python with pip.
    pub python: PathBuf,
    /// npm.
    pub npm: PathBuf,
    /// apt-get.
    pub apt_get: PathBuf,
    /// dpkg-deb, which opens what apt-get fetches.
    pub dpkg_deb: PathBuf,
}

impl Default for Clients {
    /// `python3`, `npm`, `apt-get` and `dpkg-deb`, as `PATH` has them.
    fn default() -> Self {
        Self {
            python: "python3".into(),
            npm: "npm".into(),
            apt_get: "apt-get".into(),
            dpkg_deb: "dpkg-deb".into(),
        }
    }
}

impl Clients {
    /// Fetches a package's archive into the folder `into`.
    pub(super) async fn fetch(&self, package: &Package, into: &Path) -> Result<(), SourceFailure> {
        match package {
            Package::Pypi {
                requirement,
                form,
                platform,
            } => {
                let args = pip_arguments(requirement, *form, platform);
                run(&self.python, &args, into).await
            }
            Package::Npm(spec) => run(&self.npm, &["pack", "--silent", spec], into).await,
            Package::Debian(name) => run(&self.apt_get, &["download", "-q", name], into).await,
        }
    }

    /// Writes the file tree of a Debian package to `tar`.
    pub(super) async fn open_deb(&self, deb: &Path, tar: &Path) -> Result<(), SourceFailure> {
        let tar = std::fs::File::create(tar).map_err(|error| SourceFailure::disk(&error))?;
        let mut command = Command::new(&self.dpkg_deb);
        command.arg("--fsys-tarfile").arg(deb).stdout(tar);
        finish(&self.dpkg_deb, command).await
    }
}

/// `--no-binary` names the one package: with `:all:` pip would also compile what it needs to read a
/// source archive's metadata.
fn pip_arguments(requirement: &str, form: PypiForm, platform: &str) -> Vec<OsString> {
    let mut arguments = vec![
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-input",
    ];
    arguments.extend([
        "--disable-pip-version-check",
        "--progress-bar",
        "off",
        "--dest",
        ".",
    ]);
    let name = requirement.split("==").next().unwrap_or(requirement);
    match form {
        PypiForm::Sdist => arguments.extend(["--no-binary", name]),
        PypiForm::Wheel => {
            arguments.extend(["--only-binary", ":all:", "--implementation", "cp"]);
            arguments.extend(["--python-version", PYTHON_VERSION, "--platform", platform]);
        }
    }
    arguments.push(requirement);
    arguments.into_iter().map(OsString::from).collect()
}

async fn run<A: AsRef<std::ffi::OsStr>>(
    program: &Path,
    arguments: &[A],
    dir: &Path,
) -> Result<(), SourceFailure> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(dir)
        .stdout(Stdio::null());
    finish(program, command).await
}

/// Runs a client to its end; it dies with this future.
async fn finish(program: &Path, mut command: Command) -> Result<(), SourceFailure> {
    let failed = |why: String| SourceFailure::Client {
        client: program.display().to_string(),
        why,
    };
    command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let child = command.spawn().map_err(|error| failed(error.to_string()))?;
    match timeout(CLIENT_TIMEOUT, child.wait_with_output()).await {
        Err(_) => Err(failed(format!(
            "not done after {} s",
            CLIENT_TIMEOUT.as_secs()
        ))),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => Err(failed(format!(
            "{}: {}",
            output.status,
            last_words(&output)
        ))),
    }
}

/// The end of what a client wrote to standard error, on one line.
fn last_words(output: &Output) -> String {
    let text = &output.stderr[output.stderr.len().saturating_sub(LAST_WORDS)..];
    let text = String::from_utf8_lossy(text);
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(" | ")
}
