//! What the benches share.
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

pub mod process;

/// The middle one of several measurements; the mean of the middle two if they are even in number.
///
/// # Errors
/// If there are none.
pub fn median(mut values: Vec<f64>) -> anyhow::Result<f64> {
    anyhow::ensure!(!values.is_empty(), "no measurements");
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let upper = values[half];
    Ok(if values.len().is_multiple_of(2) {
        f64::midpoint(values[half - 1], upper)
    } else {
        upper
    })
}

/// Writes one line of a bench's report.
pub fn report(line: &str) {
    println!("{line}");
}
