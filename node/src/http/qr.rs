//! A ticket as a QR code: rows of modules, for whoever draws them. A ticket means the same in upper case, and letters of
//! one case are packed tighter than bytes, so that the code is a third smaller. The least error correction is taken:
//! it is read off a screen, not off a crumpled paper.

use fast_qr::{ECL, QRBuilder};

/// Modules a side: of version 25. A finer code is hard to read off a screen.
const MODULES_MAX: usize = 117;

/// The rows of the code, without the quiet zone around it: a `1` is dark. `None` when the text is too long.
pub(super) fn rows(ticket: &str) -> Option<Vec<String>> {
    let code = QRBuilder::new(ticket.to_ascii_uppercase()).ecl(ECL::L).build().ok()?;
    if code.size > MODULES_MAX {
        return None;
    }
    let digit = |dark: bool| if dark { '1' } else { '0' };
    let modules = code.data.chunks_exact(code.size).take(code.size);
    Some(modules.map(|row| row.iter().map(|module| digit(module.value())).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_a_square_with_three_corners() {
        let ticket = format!("starling1{}", "abcd2345".repeat(70));
        let rows = rows(&ticket).unwrap();
        let side = rows.len();
        assert!(side <= 73 && side % 4 == 1, "{side}: 569 characters of one case fit into version 14");
        assert!(rows.iter().all(|row| row.len() == side && row.bytes().all(|b| b == b'0' || b == b'1')));
        let finder = ["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"];
        for (number, want) in finder.iter().enumerate() {
            assert_eq!(&rows[number][..7], *want);
            assert_eq!(&rows[number][side - 7..], *want);
            assert_eq!(&rows[side - 7 + number][..7], *want);
        }
    }

    #[test]
    fn what_is_too_long_has_none() {
        assert!(rows(&"a".repeat(1_853)).is_some());
        assert!(rows(&"a".repeat(1_854)).is_none());
        assert!(rows(&"a".repeat(16 * 1024)).is_none());
    }
}
