//! From the lowest sum of absolute deviations to a row of the table.
//!
//! A vertex whose every hold is stronger than it must be is the only best point near it, and its row is written here. Of all else
//! (a hold that is just strong enough, more rows at zero than are needed, an edge, a face without a power, an infinite exponent)
//! the general report says what may be said, from the point that was found.

use super::Curves;
use super::absolute::{Least, Lowest};
use super::balance::Balance;
use super::cost::{Absolute, Scale};
use super::descent::constant;
use super::hold::Hold;
use super::look::{Engine, Point};
use super::place::Best;
use super::profile::{Bottom, Trace};
use super::row::Ending;
use super::vertex::Vertex;
use crate::batch::row::FitRow;
use crate::solve::Status;
use crate::solve::certificate::Certificate;

/// What a hold of a sharp vertex has to spare at least, as a share of its strength.
const SPARE: f64 = 1e-6;

/// Residual of any other row, relative to the target or, raw, to the largest one.
const OFF: f64 = 1e-9;

impl<S: Scale> Engine<'_, S, Absolute> {
    /// The end of a search; None where more must be known than was looked at here.
    pub(super) fn sharp_ending(&mut self, curves: &Curves, least: &Least) -> Option<Ending> {
        match least.place {
            Lowest::Bottom(Bottom::Vertex(vertex)) => {
                let row = if self.is_sharp(&vertex, least) { self.vertex_row(curves, least, &vertex) } else { None };
                let best = best_of(vertex.seen.point, vertex.seen.value, &vertex.holds);
                row.or_else(|| self.open(curves, least, best))
            }
            Lowest::Limit(trace) => {
                let best = best_of(trace.seen.point, trace.seen.value, &trace.pair);
                let mut row = self.without_end(curves, (least.side, least.starts), best)?;
                row.certificate = self.pair_certificate(&trace, least)?;
                Some(Ending::Whole(row))
            }
            Lowest::Bottom(Bottom::Edge(trace)) => {
                self.open(curves, least, best_of(trace.seen.point, trace.seen.value, &trace.pair))
            }
            Lowest::Level(trace) => {
                let [constant, ..] = trace.seen.point;
                let exponent = 1.0 / self.placed.width;
                self.open(curves, least, Best { constant, amplitude: 0.0, exponent, objective: trace.seen.value })
            }
        }
    }

    /// An optimum for the general report.
    fn open(&mut self, curves: &Curves, least: &Least, best: Best) -> Option<Ending> {
        let mut row = FitRow::empty(curves.parameters(), self.placed.rows, Status::Converged);
        self.fill(curves, (least.side, least.starts), best, &mut row)?;
        Some(Ending::Open(row))
    }

    /// Whether every hold has something to spare, and no other row is at zero: seen last, `vertex` fills the buffers.
    fn is_sharp(&mut self, vertex: &Vertex, least: &Least) -> bool {
        if vertex.multiplier > 1.0 - SPARE || vertex.spare < SPARE || self.see(least.side, vertex.seen.point).is_none()
        {
            return false;
        }
        let w = &*self.w;
        let rows = 0..self.placed.rows;
        let largest = w.observed[rows.clone()].iter().fold(0.0_f64, |most, y| most.max(y.abs()));
        let unit = if S::IS_LOG { OFF } else { OFF * largest };
        rows.into_iter().all(|i| w.miss[i].abs() > unit || w.present[i] == 0.0 || vertex.holds.contains(&Hold::Row(i)))
    }

    /// The certificate of the two linear parameters.
    fn pair_certificate(&mut self, trace: &Trace, least: &Least) -> Option<Certificate> {
        let seen = self.meet(least.side, trace.a, trace.pair)?;
        let Balance::Best { multiplier, rest, .. } = self.balance(&trace.pair, &seen)? else { return None };
        Some(Certificate { gradient: self.unbalanced(&rest), decrease: 0.0, multiplier })
    }

    fn vertex_row(&mut self, curves: &Curves, least: &Least, vertex: &Vertex) -> Option<Ending> {
        let best = best_of(vertex.seen.point, vertex.seen.value, &vertex.holds);
        let certificate =
            Certificate { gradient: self.unbalanced(&vertex.rest), decrease: 0.0, multiplier: vertex.multiplier };
        self.vertex(curves, (least.side, least.starts), best, certificate)
    }

    /// Largest cosine between the slopes of the loss, multipliers in the place of those on the kink, and a column.
    fn unbalanced(&self, rest: &[f64]) -> f64 {
        let w = &*self.w;
        let (mut squares, mut pull) = ([0.0; 3], 0.0);
        for i in 0..self.placed.rows {
            let v = if S::IS_LOG { 1.0 / (w.miss[i] + w.aim[i]) } else { 1.0 };
            let columns = [w.factor[i] * v, w.by_slope[i] * v, w.by_exponent[i] * v];
            for (square, column) in squares.iter_mut().zip(columns) {
                *square += w.present[i] * column * column;
            }
            pull += w.present[i];
        }
        let rest = rest.iter().zip(squares).map(|(rest, square)| rest.abs() / (square * pull).sqrt());
        rest.fold(0.0, f64::max)
    }
}

/// The point of a law on the side of a search.
fn best_of(point: Point, objective: f64, holds: &[Hold]) -> Best {
    let amplitude = point[1] / point[2];
    let constant = if holds.contains(&Hold::NoConstant) { 0.0 } else { constant(point).max(0.0) };
    Best { constant, amplitude, exponent: point[2], objective }
}
