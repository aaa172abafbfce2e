//! Numbers that begin at a cache line: a register of eight that straddles two lines takes twice as long to load or store.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the widest register.
const LINE: usize = 64;

/// A slice of numbers that begins at a cache line.
#[derive(Debug, Default)]
pub struct Aligned {
    data: Vec<f64>,
    first: usize,
    len: usize,
}

impl Aligned {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let spare = LINE / size_of::<f64>();
        let data = vec![0.0; len + spare];
        let offset = data.as_ptr().align_offset(LINE);
        // Where no offset is known a slower place is as good.
        let first = if offset < spare { offset } else { 0 };
        Self { data, first, len }
    }

    /// Make room for at least `len` numbers, whose values are then anything, and hold that many.
    pub fn hold(&mut self, len: usize) {
        if self.first + len <= self.data.len() {
            self.len = len;
        } else {
            *self = Self::zeros(len);
        }
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl Deref for Aligned {
    type Target = [f64];

    #[inline(always)]
    fn deref(&self) -> &[f64] {
        &self.data[self.first..self.first + self.len]
    }
}

impl DerefMut for Aligned {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f64] {
        &mut self.data[self.first..self.first + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::Aligned;

    #[test]
    fn a_copy_is_aligned_too_and_growing_keeps_the_line() {
        let mut numbers = Aligned::zeros(5);
        numbers[4] = 7.0;
        let copy = numbers.clone();
        assert_eq!(copy[..], numbers[..]);
        numbers.hold(1000);
        for column in [&numbers, &copy] {
            assert!((column.as_ptr() as usize).is_multiple_of(64));
        }
        assert_eq!((numbers.len(), copy.len()), (1000, 5));
    }
}
