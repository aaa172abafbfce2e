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
        let mut columns = self.columns;
        // Several columns share what is known of eight rows.
        while let Some(first) = columns.next() {
            match (columns.next(), columns.next(), columns.next()) {
                (Some(second), Some(third), Some(fourth)) => {
                    self.picks.pack_together::<V, 4>([first, second, third, fourth]);
                }
                (second, third, _) => {
                    for column in [Some(first), second, third].into_iter().flatten() {
                        self.picks.pack_together::<V, 1>([column]);
                    }
                }
            }
        }
    }
}

impl Picks {
    /// [`pack`](Self::pack) columns of one length.
    #[inline(always)]
    fn pack_together<V: Vector, const N: usize>(&self, columns: [(&[f64], &mut [f64]); N]) {
        let mut to = columns.map(|(from, to)| (from, &mut to[..self.eights.len() * LANES]));
        let from: [&[f64]; N] = std::array::from_fn(|k| to[k].0);
        let whole = from.iter().map(|from| from.len() / LANES).min().unwrap_or(0).min(self.eights.len());
        let vectors: [&[[f64; LANES]]; N] = from.map(|from| &from.as_chunks().0[..whole]);
        for (v, &(bits, first)) in self.eights[..whole].iter().enumerate() {
            for k in 0..N {
                V::load(&vectors[k][v]).pack(bits, &mut to[k].1[first as usize..]);
            }
        }
        for (from, to) in &mut to {
            let rest = &from[whole * LANES..];
            if let (Some(&(bits, first)), false) = (self.eights.get(whole), rest.is_empty()) {
                let mut values = [0.0; LANES];
                let rest = &rest[..rest.len().min(LANES)];
                values[..rest.len()].copy_from_slice(rest);
                V::load(&values).pack(bits, &mut to[first as usize..]);
            }
            if let Some(last) = self.count.checked_sub(1) {
                let last = to[last];
                to[self.count..self.count.next_multiple_of(LANES)].fill(last);
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
            for columns in [1, 3, 4, 6] {
                let mut all = vec![packed.clone(); columns];
                picks.pack(all.iter_mut().map(|to| (&column[..], &mut to[..])));
                packed.clone_from(&all[0]);
                assert!(all.iter().all(|other| other[..picks.count()] == packed[..picks.count()]));
            }
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
