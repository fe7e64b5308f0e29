//! The bytes of a disk, in pages that copies share until one of them writes: a thousand copies of one image cost a
//! thousand lists of pointers. Pages of zeros take no memory. It knows nothing of syncs, crashes or faults.

use std::io;
use std::sync::Arc;

/// Bytes of a page: what redb writes at a time.
pub(super) const PAGE_BYTES: usize = 4096;
/// Bytes that a disk writes as a whole or not at all.
pub(super) const SECTOR_BYTES: usize = 512;

/// One page; `None` is a page of zeros that was never written.
pub(super) type Page = Option<Arc<[u8]>>;

/// All bytes of a disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    pages: Vec<Page>,
    len: usize,
}

impl Image {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Bytes that take room.
    pub(super) fn used_bytes(&self) -> usize {
        self.pages.iter().flatten().count() * PAGE_BYTES
    }

    pub(super) fn page(&self, page: usize) -> &Page {
        self.pages.get(page).unwrap_or(&None)
    }

    /// Fills `out` from `offset` on.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] beyond the end.
    pub(super) fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut at = self.place(offset, out.len())?;
        let mut rest = out;
        while !rest.is_empty() {
            let from = at % PAGE_BYTES;
            let count = rest.len().min(PAGE_BYTES - from);
            let (part, tail) = rest.split_at_mut(count);
            match self.page(at / PAGE_BYTES).as_ref().and_then(|bytes| bytes.get(from..from + count)) {
                Some(bytes) => part.copy_from_slice(bytes),
                None => part.fill(0),
            }
            (at, rest) = (at + count, tail);
        }
        Ok(())
    }

    /// Where a range starts, if all of it is there.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] beyond the end.
    pub(super) fn place(&self, offset: u64, count: usize) -> io::Result<usize> {
        let start = usize::try_from(offset).ok();
        let is_inside = |start: &usize| start.checked_add(count).is_some_and(|end| end <= self.len);
        start.filter(is_inside).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Grows with zeros, or cuts off.
    pub(super) fn set_len(&mut self, len: usize) {
        if len < self.len {
            let (last, kept) = (len / PAGE_BYTES, len % PAGE_BYTES);
            if let Some(bytes) = self.page(last).as_ref().filter(|_| kept > 0) {
                let mut bytes = bytes.to_vec();
                bytes.iter_mut().skip(kept).for_each(|byte| *byte = 0);
                self.put(last, whole(&bytes));
            }
        }
        self.pages.resize(len.div_ceil(PAGE_BYTES), None);
        self.len = len;
    }

    /// The page as it is after a write of `data` at `from` within it.
    pub(super) fn patched(&self, page: usize, from: usize, data: &[u8]) -> Page {
        if data.len() == PAGE_BYTES {
            return whole(data);
        }
        let mut bytes = self.page(page).as_ref().map_or_else(|| vec![0; PAGE_BYTES], |bytes| bytes.to_vec());
        bytes.iter_mut().skip(from).zip(data).for_each(|(to, byte)| *to = *byte);
        whole(&bytes)
    }

    /// Replaces a page; one beyond the end is left out.
    pub(super) fn put(&mut self, page: usize, bytes: Page) {
        if let Some(place) = self.pages.get_mut(page) {
            *place = bytes;
        }
    }

    /// Replaces some sectors of a page: bit 0 of `sectors` is the first.
    pub(super) fn put_sectors(&mut self, page: usize, bytes: &Page, sectors: u8) {
        if sectors == u8::MAX {
            return self.put(page, bytes.clone());
        }
        let zeros = [0; PAGE_BYTES];
        let new = bytes.as_deref().unwrap_or(&zeros);
        let mut mixed = self.page(page).as_deref().unwrap_or(&zeros).to_vec();
        let pairs = mixed.chunks_mut(SECTOR_BYTES).zip(new.chunks(SECTOR_BYTES));
        for (_, (to, from)) in (0..8).zip(pairs).filter(|(bit, _)| sectors & (1 << bit) != 0) {
            to.copy_from_slice(from);
        }
        self.put(page, whole(&mixed));
    }
}

fn whole(bytes: &[u8]) -> Page {
    bytes.iter().any(|byte| *byte != 0).then(|| Arc::from(bytes))
}

/// The sectors of a page that a write of `count` bytes, at least one, at `from` touches.
pub(super) fn sectors(from: usize, count: usize) -> u8 {
    let (first, last) = (from / SECTOR_BYTES, (from + count - 1) / SECTOR_BYTES);
    (0..8).filter(|sector| (first..=last).contains(sector)).fold(0, |mask, sector| mask | 1 << sector)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(len: usize, byte: u8) -> Image {
        let mut image = Image::default();
        image.set_len(len);
        for page in 0..len.div_ceil(PAGE_BYTES) {
            image.put(page, image.patched(page, 0, &[byte; PAGE_BYTES]));
        }
        image
    }

    fn bytes(image: &Image, from: u64, count: usize) -> Vec<u8> {
        let mut out = vec![7; count];
        image.read(from, &mut out).unwrap();
        out
    }

    #[test]
    fn copies_share_pages_until_one_writes() {
        let first = filled(10 * PAGE_BYTES, 1);
        let mut second = first.clone();
        second.put(3, second.patched(3, 100, &[2; 8]));
        let shared =
            |page| Arc::ptr_eq(first.page(page).as_ref().unwrap(), second.page(page).as_ref().unwrap());
        assert!((0..10).all(|page| shared(page) == (page != 3)));
        assert_eq!(bytes(&first, 3 * 4096 + 98, 4), [1, 1, 1, 1]);
        assert_eq!(bytes(&second, 3 * 4096 + 98, 4), [1, 1, 2, 2]);
    }

    #[test]
    fn what_was_cut_off_comes_back_as_zeros() {
        let mut image = filled(2 * PAGE_BYTES, 9);
        image.set_len(1000);
        image.set_len(2 * PAGE_BYTES);
        assert_eq!(bytes(&image, 998, 4), [9, 9, 0, 0]);
        assert_eq!(bytes(&image, 5000, 2), [0, 0]);
        assert_eq!(image.used_bytes(), PAGE_BYTES);
    }

    #[test]
    fn a_read_over_several_pages_and_beyond_the_end() {
        let mut image = filled(3 * PAGE_BYTES, 5);
        image.put(1, None);
        let all = bytes(&image, 4000, 5000);
        let expected: Vec<u8> = (4000..9000).map(|at| if at / 4096 == 1 { 0 } else { 5 }).collect();
        assert_eq!(all, expected);
        let beyond = image.read(3 * 4096 - 1, &mut [0; 2]).unwrap_err();
        assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
        assert!(image.read(u64::MAX, &mut [0; 2]).is_err());
    }

    #[test]
    fn sectors_that_a_write_touches() {
        assert_eq!(sectors(0, 320), 0b1);
        assert_eq!(sectors(511, 2), 0b11);
        assert_eq!(sectors(0, 4096), 0xff);
        assert_eq!(sectors(3584, 512), 0b1000_0000);
        let mut image = filled(PAGE_BYTES, 1);
        image.put_sectors(0, &whole(&[2; PAGE_BYTES]), 0b101);
        assert_eq!(bytes(&image, 511, 2), [2, 1]);
        assert_eq!(bytes(&image, 1024, 1), [2]);
        image.put_sectors(0, &None, 1);
        assert_eq!(bytes(&image, 0, 1), [0]);
    }
}
