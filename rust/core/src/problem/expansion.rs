//! The law expanded around one point: for a sum of powers of columns only changes are computed, and they need no range reduction.
//!
//! With b the power of a term and L the logarithm of its column, a replicate that stands d away from the fit has
//! b exp(-d L) = b (1 + expm1(-d L)): a short polynomial of a small argument in the place of an exponential, and
//! ln f = ln f0 + ln(1 + m) with a small m in the place of a logarithm. Where an argument is not small the caller evaluates
//! the law itself, so this form only ever decides how fast a value is found, never which.

use super::Problem;
use super::accumulate::Block;
use super::pieces::{PassBuffers, Piece, Plan, pieces};
use crate::expr::{BLOCK, LinearForm, PowerTerm};
use crate::loss::Loss;
use crate::residual::Residual;
use crate::simd::{Aligned, LANES, Picks, Vector, VectorKernel, dispatch_vector, lanes, math};
use crate::space::Space;

/// Largest exponent that counts as small: half of ln 2, up to which the polynomial of `expm1` is exact to rounding.
const REACH: f64 = 0.3465;

/// Relative changes of the law that count as small: the range of the polynomial of the logarithm.
pub(super) const CHANGE: (f64, f64) = (-0.29, 0.41);

/// Relative difference between the law and the sum of its terms above which the terms are not trusted.
const AGREEMENT: f64 = 1e-11;

/// Columns of one term; the widest sums of powers in use have two.
const MOST_COLUMNS: usize = 4;

/// What every replicate of a group shares.
#[derive(Debug)]
pub struct Expansion {
    terms: Vec<PowerTerm>,
    /// Parameters at the point, in solver units.
    primed: Vec<f64>,
    /// Logarithm of each column, in solver units.
    logs: Vec<Vec<f64>>,
    /// Ends of those.
    ends: Vec<(f64, f64)>,
    /// Each term at the point without its factor; relative to the law under a logarithmic residual.
    shares: Vec<Vec<f64>>,
    /// The law at the point, on the scale of the residual.
    anchor: Vec<f64>,
    /// What each coordinate's derivative is made of.
    pieces: Vec<Vec<Piece>>,
    /// How one pass makes a model of the law, where it has few terms.
    pub(super) plan: Option<Plan>,
}

impl Expansion {
    /// Whether the law is a sum of powers under a residual that this form knows.
    pub(super) fn suits(problem: &Problem<'_>) -> bool {
        let is_known = matches!(problem.residual, Residual::Raw | Residual::Log) && problem.density.is_none();
        let narrow = |terms: &[PowerTerm]| terms.iter().all(|term| term.exponents.len() <= MOST_COLUMNS);
        is_known && problem.program.power_sum().is_some_and(|sum| narrow(&sum.terms))
    }

    /// The law of `problem` near the point at which it has the values `law` and the parameters `primed`, where
    /// this form suits; `inputs` are the columns of the program as they come in.
    pub(super) fn around(problem: &Problem<'_>, inputs: &[&[f64]], law: Vec<f64>, primed: &[f64]) -> Option<Self> {
        let logarithmic = problem.residual == Residual::Log;
        let terms = problem.program.power_sum()?.terms.clone();
        // Logarithms in solver units, in which changes of exponents leave the amplitudes alone.
        let logs: Vec<Vec<f64>> = inputs
            .iter()
            .zip(&problem.space.units)
            .map(|(column, unit)| column.iter().map(|v| math::ln(v / unit)).collect())
            .collect();
        let ends = logs.iter().map(|log| lanes::ends(log)).collect();
        let mut shares = Vec::with_capacity(terms.len());
        let mut sum = vec![0.0; law.len()];
        for term in &terms {
            let exponents: Vec<(usize, f64)> = term.exponents.iter().map(|(c, e)| (*c, e.value(primed))).collect();
            let amplitude = term.log_amplitude.value(primed);
            let factor = term.factor.map_or(1.0, |j| primed[j]);
            let share: Vec<f64> = (0..law.len())
                .map(|i| {
                    let exponent = exponents.iter().fold(amplitude, |sum, (c, e)| e.mul_add(logs[*c][i], sum));
                    let power = term.scale * math::exp(exponent);
                    sum[i] += factor * power;
                    if logarithmic { power / law[i] } else { power }
                })
                .collect();
            shares.push(share);
        }
        // A law whose terms cancel has lost digits that changes of the terms would bring back.
        let sound = sum.iter().zip(&law).all(|(s, f)| (s - f).abs() <= AGREEMENT * f.abs());
        let finite = shares.iter().chain(&logs).flatten().all(|v| v.is_finite());
        let anchor: Vec<f64> = if logarithmic { law.iter().map(|f| math::ln(*f)).collect() } else { law };
        if !(sound && finite && anchor.iter().all(|v| v.is_finite())) {
            return None;
        }
        let pieces: Vec<Vec<Piece>> = problem.space.free.iter().map(|&j| pieces(&terms, j)).collect();
        let plan = Plan::of(&terms, &pieces);
        Some(Self { terms, primed: primed.to_vec(), logs, ends, shares, anchor, pieces, plan })
    }
}

/// A term at parameters near the point.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Move {
    /// The factor, and how far it is from that of the point.
    pub(super) factor: f64,
    pub(super) step: f64,
    /// Change of the logarithm of the amplitude.
    pub(super) amplitude: f64,
    /// Change of each exponent, by column.
    pub(super) exponents: [(usize, f64); MOST_COLUMNS],
    columns: usize,
}

/// One thread's copy: the rows in play, gathered.
#[derive(Debug)]
pub(super) struct ExpansionRows<'a> {
    pub(super) expansion: &'a Expansion,
    pub(super) logs: Vec<Aligned>,
    pub(super) shares: Vec<Aligned>,
    pub(super) anchor: Aligned,
    pub(super) moves: Vec<Move>,
    /// Coefficient of every piece, coordinate by coordinate; without the factor of its term; and whether that multiplies it.
    pub(super) coefficients: Vec<f64>,
    pub(super) owns: Vec<f64>,
    pub(super) wholes: Vec<bool>,
    pub(super) buffers: PassBuffers,
    /// Each term of a block, without its factor; relative change of the law; what derivatives are multiplied by.
    grown: Aligned,
    change: Aligned,
    slope: Aligned,
}

impl<'a> ExpansionRows<'a> {
    pub(super) fn new(expansion: &'a Expansion) -> Self {
        let terms = expansion.terms.len();
        Self {
            expansion,
            logs: vec![Aligned::zeros(0); expansion.logs.len()],
            shares: vec![Aligned::zeros(0); terms],
            anchor: Aligned::zeros(0),
            moves: vec![Move::default(); terms],
            coefficients: vec![0.0; expansion.pieces.iter().map(Vec::len).sum()],
            owns: vec![0.0; expansion.pieces.iter().map(Vec::len).sum()],
            wholes: expansion.pieces.iter().flatten().map(|piece| piece.whole).collect(),
            buffers: PassBuffers::new(expansion.plan.as_ref().map_or(0, Plan::width)),
            grown: Aligned::zeros(terms * BLOCK),
            change: Aligned::zeros(BLOCK),
            slope: Aligned::zeros(BLOCK),
        }
    }

    /// Gather the rows picked, to whole lanes.
    pub(super) fn select(&mut self, picks: &Picks) {
        let expansion = self.expansion;
        let (room, padded) = (picks.room(), picks.count().next_multiple_of(LANES));
        self.columns().for_each(|to| to.hold(room));
        let columns = expansion.logs.iter().chain(&expansion.shares).chain([&expansion.anchor]);
        picks.pack(columns.zip(self.columns()).map(|(from, to)| (&from[..], &mut to[..])));
        self.columns().for_each(|to| to.hold(padded));
    }

    /// Every column of the rows.
    fn columns(&mut self) -> impl Iterator<Item = &mut Aligned> {
        self.logs.iter_mut().chain(&mut self.shares).chain([&mut self.anchor])
    }

    /// Take in the parameters `primed`; false when they are not near.
    pub(super) fn bind(&mut self, primed: &[f64], space: &Space) -> bool {
        let expansion = self.expansion;
        let moved = |form: &LinearForm| match form.coefficients[..] {
            // Out here a fused multiply-add is a call.
            [(p, c)] => c * (primed[p] - expansion.primed[p]),
            ref many => many.iter().fold(0.0, |sum: f64, &(p, c)| c.mul_add(primed[p] - expansion.primed[p], sum)),
        };
        for (term, to) in expansion.terms.iter().zip(&mut self.moves) {
            to.factor = term.factor.map_or(1.0, |j| primed[j]);
            to.step = term.factor.map_or(0.0, |j| primed[j] - expansion.primed[j]);
            to.amplitude = moved(&term.log_amplitude);
            // The exponent of every row lies between these two, so that no row has to be asked whether its own is small.
            let (mut low, mut high) = (to.amplitude, to.amplitude);
            to.columns = 0;
            for (column, exponent) in &term.exponents {
                let change = moved(exponent);
                let (first, last) = expansion.ends[*column];
                let (a, b) = (change * first, change * last);
                low += a.min(b);
                high += a.max(b);
                to.exponents[to.columns] = (*column, change);
                to.columns += 1;
            }
            // NaN is not near either.
            if !(low >= -REACH && high <= REACH && to.factor.is_finite()) {
                return false;
            }
        }
        let mut coefficients = self.coefficients.iter_mut().zip(&mut self.owns);
        for (a, pieces) in expansion.pieces.iter().enumerate() {
            // Coordinates that are logarithms take the parameter along, once a bind and not once a row.
            let chain = if space.log[a] { primed[space.free[a]] } else { space.sizes[a] };
            for (piece, (to, own)) in pieces.iter().zip(&mut coefficients) {
                let factor = if piece.whole { self.moves[piece.term].factor } else { 1.0 };
                *to = piece.coefficient * factor * chain;
                *own = piece.coefficient * chain;
            }
        }
        true
    }

    /// Residuals, losses and Jacobian of rows `row..row + n`; false when the law has moved too far for this form.
    pub(super) fn prepare(&mut self, block: &mut Block, row: usize, with: &Given<'_>) -> bool {
        dispatch_vector(ExpansionKernel { rows: self, block, row, with })
    }
}

/// What turns a law into losses.
pub(super) struct Given<'a> {
    pub(super) logarithmic: bool,
    pub(super) loss: Loss,
    pub(super) target: &'a [f64],
    pub(super) inverse_sigma: Option<&'a [f64]>,
}

struct ExpansionKernel<'k, 'a, 'b> {
    rows: &'k mut ExpansionRows<'a>,
    block: &'k mut Block,
    row: usize,
    with: &'k Given<'b>,
}

impl VectorKernel for ExpansionKernel<'_, '_, '_> {
    type Output = bool;

    #[inline(always)]
    fn run<V: Vector>(self) -> bool {
        let Self { rows, block, row, with } = self;
        let n = with.target.len();
        let ExpansionRows { expansion, logs, shares, anchor, moves, coefficients, grown, change, slope, .. } = rows;
        let (change, slope) = (&mut change[..n], &mut slope[..n]);
        change.fill(0.0);
        for (k, to) in moves.iter().enumerate() {
            let grown = &mut grown[k * BLOCK..k * BLOCK + n];
            grow::<V>(to, logs, &shares[k][row..row + n], row, grown, change);
        }
        let residual = &mut block.residual[..n];
        let anchor = &anchor[row..row + n];
        let inside = residuals::<V>(with, change, anchor, residual, slope);
        if let Some(inverse) = with.inverse_sigma {
            for i in (0..n).step_by(LANES) {
                let inverse = V::load(&inverse[i..]);
                (V::load(&residual[i..]) * inverse).store(&mut residual[i..]);
                (V::load(&slope[i..]) * inverse).store(&mut slope[i..]);
            }
        }
        with.loss.evaluate_in::<V>(residual, &mut block.rho[..n], &mut block.psi[..n], &mut block.curvature[..n]);
        let mut coefficients = coefficients.iter();
        for (a, pieces) in expansion.pieces.iter().enumerate() {
            let to = &mut block.jacobian[a * BLOCK..a * BLOCK + n];
            for (number, (piece, &c)) in pieces.iter().zip(&mut coefficients).enumerate() {
                let grown = &grown[piece.term * BLOCK..piece.term * BLOCK + n];
                let log = piece.log.map(|l| &logs[l][row..row + n]);
                derivative::<V>(to, grown, slope, log, c, number == 0);
            }
            if pieces.is_empty() {
                to.fill(0.0);
            }
        }
        inside
    }
}

/// A term without its factor, and what it adds to the change of the law.
#[inline(always)]
fn grow<V: Vector>(to: &Move, logs: &[Aligned], share: &[f64], row: usize, grown: &mut [f64], change: &mut [f64]) {
    let n = share.len();
    let (factor, step, amplitude) = (V::of(to.factor), V::of(to.step), V::of(to.amplitude));
    // A constant term, or one whose parameters stand still, needs no exponential at all.
    if to.columns == 0 && to.amplitude == 0.0 {
        for i in (0..n).step_by(LANES) {
            let share = V::load(&share[i..]);
            share.store(&mut grown[i..]);
            share.fused(step, V::load(&change[i..])).store(&mut change[i..]);
        }
        return;
    }
    let exponents = &to.exponents[..to.columns];
    for i in (0..n).step_by(LANES) {
        let share = V::load(&share[i..]);
        let mut u = amplitude;
        for &(column, exponent) in exponents {
            u = V::of(exponent).fused(V::load(&logs[column][row + i..]), u);
        }
        let added = share * math::exp_m1_reduced(u);
        (share + added).store(&mut grown[i..]);
        factor.fused(added, share.fused(step, V::load(&change[i..]))).store(&mut change[i..]);
    }
}

/// Residuals and what derivatives of the law are multiplied by; false when a change is not small.
#[inline(always)]
fn residuals<V: Vector>(
    with: &Given<'_>,
    change: &[f64],
    anchor: &[f64],
    residual: &mut [f64],
    slope: &mut [f64],
) -> bool {
    let n = change.len();
    let mut inside = V::zero();
    for i in (0..n).step_by(LANES) {
        let base = V::load(&anchor[i..]) - V::load(&with.target[i..]);
        let m = V::load(&change[i..]);
        if with.logarithmic {
            let (logarithm, inverse) = math::ln_1p_reduced(m);
            (base + logarithm).store(&mut residual[i..]);
            inverse.store(&mut slope[i..]);
            // Counted in lanes and summed once: a branch for each vector would cost more than the polynomial.
            inside = inside + V::of(1.0).where_less(V::of(CHANGE.0), m).where_less(m, V::of(CHANGE.1));
        } else {
            (base + m).store(&mut residual[i..]);
            V::of(1.0).store(&mut slope[i..]);
        }
    }
    !with.logarithmic || inside.sum() == n as f64
}

/// One summand of a column of the Jacobian.
#[inline(always)]
fn derivative<V: Vector>(to: &mut [f64], grown: &[f64], slope: &[f64], log: Option<&[f64]>, c: f64, first: bool) {
    let c = V::of(c);
    for i in (0..to.len()).step_by(LANES) {
        let mut part = c * V::load(&slope[i..]) * V::load(&grown[i..]);
        if let Some(log) = log {
            part = part * V::load(&log[i..]);
        }
        if !first {
            part = part + V::load(&to[i..]);
        }
        part.store(&mut to[i..]);
    }
}
