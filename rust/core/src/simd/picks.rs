//! Rows picked out of columns and closed up: a bit for each row says whether it stays.

use super::{LANES, Vector, VectorKernel, dispatch_vector};

/// Which rows stay.
#[derive(Debug, Clone, Default)]
pub struct Picks {
    /// A bit for each row, eight rows at a time, and where the first of them that stays goes.
    eights: Vec<(u8, u32)>,
    count: usize,
}

impl Picks {
    /// Pick the rows whose value is not zero; NaN is not. `values` are whole lanes.
    pub fn nonzero(&mut self, values: &[f64]) {
        self.count = dispatch_vector(NonzeroKernel { values, eights: &mut self.eights });
    }

    /// How many rows stay.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many numbers a packed column is written into: all rows to whole lanes.
    pub fn room(&self) -> usize {
        self.eights.len() * LANES
    }

    /// The numbers of the rows that stay.
    pub fn numbers(&self) -> impl Iterator<Item = usize> {
        let of =
            |v: usize, bits: u8| (0..LANES).filter(move |lane| bits >> lane & 1 == 1).map(move |lane| v * LANES + lane);
        self.eights.iter().enumerate().flat_map(move |(v, &(bits, _))| of(v, bits))
    }

    /// Write what stays of every column to the head of the slice beside it, which has [`room`](Self::room), and copies of the last up
    /// to whole lanes behind it.
    pub fn pack<'c>(&self, columns: impl Iterator<Item = (&'c [f64], &'c mut [f64])>) {
        dispatch_vector(PackKernel { picks: self, columns });
    }
}

struct NonzeroKernel<'a> {
    values: &'a [f64],
    eights: &'a mut Vec<(u8, u32)>,
}

impl VectorKernel for NonzeroKernel<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<V: Vector>(self) -> usize {
        self.eights.resize(self.values.len() / LANES, (0, 0));
        let mut count = 0;
        for (values, eight) in self.values.chunks_exact(LANES).zip(self.eights.iter_mut()) {
            let bits = V::load(values).nonzero();
            *eight = (bits, count);
            count += bits.count_ones();
        }
        count as usize
    }
}

struct PackKernel<'a, I> {
    picks: &'a Picks,
    columns: I,
}

impl<'c, I: Iterator<Item = (&'c [f64], &'c mut [f64])>> VectorKernel for PackKernel<'_, I> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self) {
        let Picks { eights, count } = self.picks;
        for (from, to) in self.columns {
            let to = &mut to[..eights.len() * LANES];
            let (whole, rest) = from.as_chunks::<LANES>();
            for (values, &(bits, first)) in whole.iter().zip(eights) {
                V::load(values).pack(bits, &mut to[first as usize..]);
            }
            if let (Some(&(bits, first)), false) = (eights.get(whole.len()), rest.is_empty()) {
                let mut values = [0.0; LANES];
                values[..rest.len()].copy_from_slice(rest);
                V::load(&values).pack(bits, &mut to[first as usize..]);
            }
            if let Some(last) = count.checked_sub(1) {
                let last = to[last];
                to[*count..count.next_multiple_of(LANES)].fill(last);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NonzeroKernel, PackKernel, Picks};
    use crate::simd::{LANES, VectorKernel, vector::Plain};

    #[test]
    fn the_same_rows_stay_whatever_their_number() {
        for n in 0..70_usize {
            let column: Vec<f64> = (0..n).map(|i| i as f64 + 0.5).collect();
            let mut weight: Vec<f64> = (0..n).map(|i| ((i * i + n) % 3) as f64).collect();
            if n > 4 {
                weight[4] = f64::NAN;
            }
            let expected: Vec<f64> = (0..n).filter(|&i| weight[i] != 0.0).map(|i| column[i]).collect();
            weight.resize(n.next_multiple_of(LANES), 0.0);
            let mut picks = Picks::default();
            picks.nonzero(&weight);
            assert_eq!(picks.numbers().map(|i| column[i]).collect::<Vec<f64>>(), expected);
            let mut packed = vec![-1.0; picks.room()];
            picks.pack(std::iter::once((&column[..], &mut packed[..])));
            assert_eq!(packed[..picks.count()], expected);
            let padded = picks.count().next_multiple_of(LANES);
            assert!(packed[picks.count()..padded].iter().all(|v| Some(v) == expected.last()));
            let mut eights = Vec::new();
            assert_eq!(NonzeroKernel { values: &weight, eights: &mut eights }.run::<Plain>(), picks.count());
            assert_eq!(eights, picks.eights);
            let mut plain = vec![-1.0; picks.room()];
            PackKernel { picks: &picks, columns: std::iter::once((&column[..], &mut plain[..])) }.run::<Plain>();
            assert_eq!(plain[..padded], packed[..padded]);
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                let columns = std::iter::once((&column[..], &mut plain[..]));
                crate::simd::on_avx2(PackKernel { picks: &picks, columns });
                assert_eq!(plain[..padded], packed[..padded]);
            }
        }
    }
}
