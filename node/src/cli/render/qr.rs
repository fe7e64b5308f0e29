//! A QR code in a terminal: half blocks, two modules a character, so that modules are square. Light modules are drawn and
//! dark ones left out, in white on black where there are colours, and without them as most terminals are: dark.

use anstyle::{AnsiColor, Color, Style};

use super::styled;

/// Light modules around the code, that readers ask for.
const QUIET: usize = 4;
const PAPER: Style = Style::new()
    .fg_color(Some(Color::Ansi(AnsiColor::BrightWhite)))
    .bg_color(Some(Color::Ansi(AnsiColor::Black)));

/// The code with its quiet zone. Rows that are no rows of modules count as light.
pub(in crate::cli) fn blocks(rows: &[String]) -> String {
    let side = rows.len();
    let is_dark = |row: usize, column: usize| {
        let row = row.checked_sub(QUIET).and_then(|row| rows.get(row));
        let module = row.zip(column.checked_sub(QUIET)).and_then(|(row, at)| row.as_bytes().get(at));
        module == Some(&b'1')
    };
    let mut text = String::new();
    for row in (0..side + 2 * QUIET).step_by(2) {
        let block = |column: usize| match (is_dark(row, column), is_dark(row + 1, column)) {
            (false, false) => '█',
            (false, true) => '▀',
            (true, false) => '▄',
            (true, true) => ' ',
        };
        let line: String = (0..side + 2 * QUIET).map(block).collect();
        text.push_str(&styled(PAPER, &line));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;

    #[test]
    fn two_rows_are_one_line_within_the_quiet_zone() {
        let rows = ["101".to_owned(), "110".to_owned(), "001".to_owned()];
        let drawn = strip_str(&blocks(&rows)).to_string();
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines.len(), (3 + 2 * QUIET).div_ceil(2));
        assert!(lines.iter().all(|line| line.chars().count() == 3 + 2 * QUIET));
        assert_eq!((lines[2], lines[3]), ("████ ▀▄████", "██████▄████"));
        assert!([0, 1, 4, 5].iter().all(|line| lines[*line].chars().all(|c| c == '█')));
    }
}
