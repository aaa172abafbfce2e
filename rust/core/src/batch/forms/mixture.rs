//! The best mixture of powers: amplitudes that are not negative on a grid of exponents, by the active sets of Lawson and Hanson (1974).

use super::curve::Curve;
use crate::simd::{LANES, Vector, math};

/// Exponents of the grid, the smallest over the width of the rows, and how many times that the largest is.
const POINTS: usize = 48;
const FIRST: f64 = 0.1;
const RATIO: f64 = 600.0;

/// A pull of a column, relative to the targets, that is rounding.
const NOTHING: f64 = 1e-10;

/// What is added to a diagonal of one, so that neighbours on the grid can be told apart.
const RIDGE: f64 = 1e-13;

/// Columns in use at most, and rounds.
const MOST: usize = 10;
const ROUNDS: usize = 60;

/// Columns: the floor, the powers, and nothing up to whole vectors.
const COLUMNS: usize = (POINTS + 1).next_multiple_of(LANES);
const VECTORS: usize = COLUMNS / LANES;

/// The exponents of the best mixture, up to the grid, ascending; neighbours on the grid stand for one between them.
#[inline(always)]
pub(super) fn mixture<V: Vector>(curve: &Curve) -> Vec<f64> {
    let (n, width) = (curve.rows(), curve.width());
    // The first column is the floor.
    let mut exponents = [0.0; COLUMNS];
    for (k, exponent) in exponents.iter_mut().enumerate().skip(1) {
        *exponent = FIRST / width * math::exp(math::ln(RATIO) * (k - 1) as f64 / (POINTS - 1) as f64);
    }
    let mut columns = vec![0.0; COLUMNS * n];
    let (mut squares, mut right) = ([V::zero(); VECTORS], [V::zero(); VECTORS]);
    let mut square = 0.0;
    for (i, row) in columns.chunks_exact_mut(COLUMNS).enumerate() {
        let root = curve.relative[i].sqrt();
        let (u, scale) = (V::of(-curve.u[i]), V::of(root / curve.y[i]));
        square = root.mul_add(root, square);
        for v in 0..VECTORS {
            let value = math::exp_bounded(V::load(&exponents[v * LANES..]) * u) * scale;
            squares[v] = value.fused(value, squares[v]);
            right[v] = value.fused(V::of(root), right[v]);
            value.store(&mut row[v * LANES..]);
        }
    }
    let mut lengths = [0.0; COLUMNS];
    for v in 0..VECTORS {
        squares[v].store(&mut lengths[v * LANES..]);
    }
    for length in &mut lengths {
        *length = length.sqrt();
    }
    let mut problem = Problem { columns, lengths, right: [0.0; COLUMNS], least: NOTHING * square.sqrt() };
    for v in 0..VECTORS {
        (right[v] / V::load(&lengths[v * LANES..])).store(&mut problem.right[v * LANES..]);
    }
    let found = problem.active_sets::<V>();
    let found: Vec<_> = found.into_iter().map(|(k, v)| (k, exponents[k], v / lengths[k])).collect();
    join(&found)
}

struct Problem {
    /// The columns, row by row.
    columns: Vec<f64>,
    lengths: [f64; COLUMNS],
    /// Products of columns of length one with the target.
    right: [f64; COLUMNS],
    /// The least pull that is not rounding.
    least: f64,
}

/// Columns in use, their products with all columns and their amplitudes.
struct Active {
    count: usize,
    columns: [usize; MOST],
    products: [[f64; COLUMNS]; MOST],
    amplitudes: [f64; MOST],
}

impl Active {
    fn take_out(&mut self, i: usize) {
        self.count -= 1;
        let last = self.count;
        self.columns[i] = self.columns[last];
        self.amplitudes[i] = self.amplitudes[last];
        self.products[i] = self.products[last];
    }

    /// Least squares of the columns in use: their amplitudes whatever their sign.
    #[inline(always)]
    fn solve(&self, right: &[f64; COLUMNS]) -> [f64; MOST] {
        let m = self.count;
        let (mut factor, mut solution) = ([[0.0_f64; MOST]; MOST], [0.0_f64; MOST]);
        for i in 0..m {
            for j in 0..=i {
                let mut sum = self.products[i][self.columns[j]] + if i == j { RIDGE } else { 0.0 };
                for k in 0..j {
                    sum = (-factor[i][k]).mul_add(factor[j][k], sum);
                }
                factor[i][j] = if i == j { sum.max(RIDGE * RIDGE).sqrt() } else { sum / factor[j][j] };
            }
            let mut sum = right[self.columns[i]];
            for k in 0..i {
                sum = (-factor[i][k]).mul_add(solution[k], sum);
            }
            solution[i] = sum / factor[i][i];
        }
        for i in (0..m).rev() {
            let mut sum = solution[i];
            for k in i + 1..m {
                sum = (-factor[k][i]).mul_add(solution[k], sum);
            }
            solution[i] = sum / factor[i][i];
        }
        solution
    }
}

impl Problem {
    /// Products of a column of length one with all others.
    #[inline(always)]
    fn products<V: Vector>(&self, column: usize) -> [f64; COLUMNS] {
        let mut sums = [V::zero(); VECTORS];
        for row in self.columns.chunks_exact(COLUMNS) {
            let own = V::of(row[column]);
            for v in 0..VECTORS {
                sums[v] = own.fused(V::load(&row[v * LANES..]), sums[v]);
            }
        }
        let length = V::of(self.lengths[column]);
        let mut products = [0.0; COLUMNS];
        for v in 0..VECTORS {
            (sums[v] / (V::load(&self.lengths[v * LANES..]) * length)).store(&mut products[v * LANES..]);
        }
        products
    }

    /// Amplitudes that are not negative and leave the least squares of the target, by number of the column.
    #[inline(always)]
    fn active_sets<V: Vector>(&self) -> Vec<(usize, f64)> {
        let mut set =
            Active { count: 0, columns: [0; MOST], products: [[0.0; COLUMNS]; MOST], amplitudes: [0.0; MOST] };
        for _ in 0..ROUNDS {
            let mut pulls = [0.0; COLUMNS];
            for v in 0..VECTORS {
                let mut pull = V::load(&self.right[v * LANES..]);
                for k in 0..set.count {
                    pull = V::of(-set.amplitudes[k]).fused(V::load(&set.products[k][v * LANES..]), pull);
                }
                pull.store(&mut pulls[v * LANES..]);
            }
            for known in &set.columns[..set.count] {
                pulls[*known] = f64::NEG_INFINITY;
            }
            let (mut best, mut pull) = (0, f64::NEG_INFINITY);
            for (k, own) in pulls[..=POINTS].iter().enumerate() {
                if *own > pull {
                    (best, pull) = (k, *own);
                }
            }
            if pull <= self.least || set.count >= MOST {
                break;
            }
            let last = set.count;
            set.products[last] = self.products::<V>(best);
            (set.columns[last], set.amplitudes[last]) = (best, 0.0);
            set.count += 1;
            while set.count > 0 {
                let wanted = set.solve(&self.right);
                // Back to where the first of them turns negative.
                let (mut share, mut out) = (1.0, None);
                for i in 0..set.count {
                    if wanted[i] <= 0.0 {
                        let now = set.amplitudes[i];
                        let turn = now / (now - wanted[i]).max(f64::MIN_POSITIVE);
                        if out.is_none() || turn < share {
                            (share, out) = (turn, Some(i));
                        }
                    }
                }
                for i in 0..set.count {
                    set.amplitudes[i] = f64::mul_add(share, wanted[i] - set.amplitudes[i], set.amplitudes[i]);
                }
                let Some(out) = out else { break };
                set.take_out(out);
            }
        }
        let mut found: Vec<_> = (0..set.count).map(|i| (set.columns[i], set.amplitudes[i])).collect();
        found.sort_unstable_by_key(|(k, _)| *k);
        found
    }
}

/// The exponents of number, exponent and amplitude, neighbours as their mean; the floor is none.
fn join(found: &[(usize, f64, f64)]) -> Vec<f64> {
    let mut joined: Vec<(usize, f64, f64)> = Vec::new();
    for &(k, exponent, amplitude) in found.iter().filter(|(k, ..)| *k > 0) {
        match joined.last_mut() {
            Some((last, mean, total)) if *last + 1 == k => {
                let sum = *total + amplitude;
                *mean = (*mean * *total + exponent * amplitude) / sum;
                (*last, *total) = (k, sum);
            }
            _ => joined.push((k, exponent, amplitude)),
        }
    }
    joined.into_iter().map(|(_, mean, _)| mean).collect()
}
