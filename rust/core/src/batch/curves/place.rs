//! One curve in lanes: x as logarithms of its ratio to the smallest, targets on the scale of the residual.

use super::hold::Break;
use crate::simd::vector::by_lane;
use crate::simd::{Aligned, LANES, Vector, VectorKernel, dispatch_vector, lanes, math};

/// Rows of one curve.
pub(super) const MOST_ROWS: usize = 256;

/// Points of a walk along the exponent.
pub(super) const WALK: usize = 2 * LANES;

/// Magnitudes of targets whose squares are ordinary numbers.
const USUAL: (f64, f64) = (1e-100, 1e100);

/// One thread's buffers.
#[derive(Debug)]
pub(in crate::batch) struct Workspace {
    pub(super) logs: Aligned,
    /// The same from the largest x downwards.
    pub(super) mirrored: Aligned,
    /// ln y, or y.
    pub(super) observed: Aligned,
    pub(super) present: Aligned,
    /// What the walk multiplies the law by, and what it then compares with: 1/y and 1 where residuals are logarithms, else 1 and y.
    pub(super) factor: Aligned,
    pub(super) aim: Aligned,
    /// (exp(-a l) - 1)/a of the exponent looked at, and its first two derivatives by a.
    pub(super) shape: [Aligned; 3],
    /// exp(-a l) of the walk, row by row, one exponent per lane.
    pub(super) powers: Aligned,
    /// Of each row at the point looked at: the law less the target, times the factor, and its derivatives by slope and exponent.
    pub(super) miss: Aligned,
    pub(super) by_slope: Aligned,
    pub(super) by_exponent: Aligned,
    /// What is met along a way.
    pub(super) breaks: Vec<Break>,
}

impl Workspace {
    pub(in crate::batch) fn new() -> Self {
        let zeros = || Aligned::zeros(MOST_ROWS);
        Self {
            logs: zeros(),
            mirrored: zeros(),
            observed: zeros(),
            present: zeros(),
            factor: zeros(),
            aim: zeros(),
            shape: [zeros(), zeros(), zeros()],
            powers: Aligned::zeros(MOST_ROWS * LANES),
            miss: zeros(),
            by_slope: zeros(),
            by_exponent: zeros(),
            breaks: Vec::new(),
        }
    }
}

/// The rows of one curve as they come in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Curve<'a> {
    pub(super) x: &'a [f64],
    pub(super) y: &'a [f64],
    pub(super) weights: Option<&'a [f64]>,
}

/// The size of a curve that was put into a [`Workspace`], and the units it is measured in there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    /// Rows, and rows to whole lanes; those that pad are not present and have x at its smallest.
    pub(super) rows: usize,
    pub(super) padded: usize,
    /// ln of the smallest x, and of the unit near the middle in which parameters are best told apart.
    pub(super) smallest: f64,
    pub(super) middle: f64,
    /// ln(largest x / smallest x).
    pub(super) width: f64,
    /// What targets are divided by: a power of two.
    pub(super) unit: f64,
}

/// The end of the x from which logarithms are counted: powers fall from the smallest x on, or from the largest one down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Falling,
    Rising,
}

impl Workspace {
    /// |ln x - ln of the end|.
    #[inline(always)]
    pub(super) fn logs(&self, side: Side) -> &[f64] {
        match side {
            Side::Falling => &self.logs,
            Side::Rising => &self.mirrored,
        }
    }
}

/// A point of the law E + A exp(-a l), where l = ln(x / smallest x), in the unit of the targets; the objective there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Best {
    pub(super) constant: f64,
    pub(super) amplitude: f64,
    pub(super) exponent: f64,
    pub(super) objective: f64,
}

/// Put a curve into `workspace`; None where its numbers are not ordinary ones.
pub(super) fn place(curve: &Curve<'_>, (is_log, is_rising): (bool, bool), w: &mut Workspace) -> Option<Placed> {
    dispatch_vector(Place { curve, is_log, is_rising, w })
}

struct Place<'a> {
    curve: &'a Curve<'a>,
    is_log: bool,
    is_rising: bool,
    w: &'a mut Workspace,
}

impl VectorKernel for Place<'_> {
    type Output = Option<Placed>;

    #[inline(always)]
    fn run<V: Vector>(self) -> Option<Placed> {
        let Self { curve: &Curve { x, y, weights }, is_log, is_rising, w } = self;
        let rows = x.len();
        let padded = rows.next_multiple_of(LANES);
        let (least, most) = lanes::ends(x);
        let (low, high) = lanes::ends(y);
        let size = low.abs().max(high.abs());
        let whole = x.iter().zip(y.iter()).all(|(x, y)| x.is_normal() & !y.is_nan());
        let inverse = 1.0 / least;
        let usual = whole && least > 0.0 && inverse.is_normal() && (most * inverse).is_normal() && size <= USUAL.1;
        if !usual || size < USUAL.0 || (is_log && low < USUAL.0) {
            return None;
        }
        // Logarithms near zero keep their digits.
        let unit = if is_log { math::power_of_two(exponent(low).midpoint(exponent(high))) } else { 1.0 };
        let Workspace { logs, mirrored, observed, present, factor, aim, .. } = w;
        copy(logs, x, padded, least);
        copy(aim, y, padded, unit);
        match weights {
            Some(weights) => present[..rows].copy_from_slice(weights),
            None => present[..rows].fill(1.0),
        }
        present[rows..padded].fill(0.0);
        let mut width = V::zero();
        for i in (0..padded).step_by(LANES) {
            let log = logarithm(V::load(&logs[i..]) / V::of(least));
            log.store(&mut logs[i..]);
            width = width.most(log);
            let target = V::load(&aim[i..]) * V::of(1.0 / unit);
            if is_log {
                logarithm(target).store(&mut observed[i..]);
                (V::of(1.0) / target).store(&mut factor[i..]);
                V::of(1.0).store(&mut aim[i..]);
            } else {
                target.store(&mut observed[i..]);
                V::of(1.0).store(&mut factor[i..]);
            }
        }
        let width = largest(width);
        if is_rising {
            for i in (0..padded).step_by(LANES) {
                (V::of(width) - V::load(&logs[i..])).store(&mut mirrored[i..]);
            }
            mirrored[rows..padded].fill(0.0);
        }
        let middle = f64::from(middle(x)) * std::f64::consts::LN_2;
        let smallest = math::ln(least);
        (width > 0.0).then_some(Placed { rows, padded, smallest, middle, width, unit })
    }
}

/// The largest lane.
#[inline(always)]
pub(super) fn largest<V: Vector>(v: V) -> f64 {
    let mut lanes = [0.0; LANES];
    v.store(&mut lanes);
    lanes.into_iter().fold(f64::NEG_INFINITY, f64::max)
}

/// ln x of every lane.
#[inline(always)]
fn logarithm<V: Vector>(v: V) -> V {
    by_lane(v, math::ln)
}

/// The power of two nearest the median: a unit there keeps the linear parameters apart from the exponent.
fn middle(x: &[f64]) -> i16 {
    const SQRT_2_FRACTION: u64 = 0x6_a09e_667f_3bcd;
    let mut exponents = [0_i16; MOST_ROWS];
    for (to, v) in exponents.iter_mut().zip(x) {
        *to = ((v.to_bits() + ((1 << 52) - SQRT_2_FRACTION)) >> 52) as i16 - 1023;
    }
    *exponents[..x.len()].select_nth_unstable(x.len() / 2).1
}

/// The power of two below a positive number.
fn exponent(v: f64) -> i64 {
    (v.to_bits() >> 52) as i64 - 1023
}

/// `from`, padded with a number that does no harm.
#[inline(always)]
fn copy(to: &mut [f64], from: &[f64], padded: usize, pad: f64) {
    to[..from.len()].copy_from_slice(from);
    to[from.len()..padded].fill(pad);
}
