//! Where the commands speak.

use std::io::{Write, stderr, stdout};

/// Between two columns.
const GAP: &str = "  ";

/// One line of the answer.
pub(crate) fn print_line(line: &str) {
    // Whoever reads may have had enough.
    let _ = writeln!(stdout(), "{line}");
}

/// What was not done, and why.
pub(crate) fn complain(sentence: &str) {
    let _ = writeln!(stderr(), "voicefleet: {sentence}");
}

/// A table of left-aligned columns.
pub(crate) fn print_table<const N: usize>(header: [&str; N], rows: &[[String; N]]) {
    for line in lines(header, rows) {
        print_line(&line);
    }
}

fn lines<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.fold(header[column].len(), usize::max)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let padded: Vec<String> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        padded.join(GAP).trim_end().to_owned()
    };
    let body = rows
        .iter()
        .map(|row| line(std::array::from_fn(|column| row[column].as_str())));
    std::iter::once(line(header)).chain(body).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [
            ["a".to_owned(), "longer than its title".to_owned()],
            ["längst".to_owned(), String::new()],
        ];
        let expected = ["id      title", "a       longer than its title", "längst"];
        assert_eq!(lines(["id", "title"], &rows), expected);
    }
}
