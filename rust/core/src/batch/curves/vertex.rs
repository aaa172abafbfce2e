//! Vertices of a sum of absolute deviations: three holds at once, found by Newton's method, left along their edges.

use super::balance::{Balance, Seen, solve};
use super::cost::{Absolute, Scale};
use super::descent::constant;
use super::hold::Hold;
use super::look::{Engine, Point, phi_and_slope};
use super::place::Side;
use crate::simd::{LANES, Vector, VectorKernel, dispatch_vector};

/// Newton steps onto a vertex at most, the relative length of the last one, and how much the exponent may change in one.
const MOST_STEPS: usize = 16;
const ARRIVED: f64 = 1e-10;
const SHRINK: f64 = 0.3;
const GROW: f64 = 3.0;

/// Vertices of one descent.
const MOST_PIVOTS: usize = 60;

/// A local optimum that three holds make.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vertex {
    pub(super) holds: [Hold; 3],
    pub(super) seen: Seen,
    /// The largest multiplier of a row, at most 1, and what a bound's has to spare.
    pub(super) multiplier: f64,
    pub(super) spare: f64,
    /// What is left of the derivatives by height, slope and exponent.
    pub(super) rest: [f64; 3],
}

impl<S: Scale> Engine<'_, S, Absolute> {
    /// The vertex that `holds` make near `guess`, seen; None where there is none within the bounds.
    fn onto(&mut self, side: Side, holds: [Hold; 3], guess: Point) -> Option<Seen> {
        if holds.contains(&Hold::NoPower) {
            return None;
        }
        let point = dispatch_vector(Onto { engine: self, side, holds, guess })?;
        let is_inside = point[1] > 0.0 && (constant(point) >= 0.0 || holds.contains(&Hold::NoConstant));
        if !is_inside {
            return None;
        }
        self.see(side, point)
    }

    /// Descend over vertices, from that of `holds` near `guess`.
    pub(super) fn pivot(&mut self, side: Side, mut holds: [Hold; 3], guess: Point) -> Option<Vertex> {
        let mut seen = self.onto(side, holds, guess)?;
        for _ in 0..MOST_PIVOTS {
            match self.balance(&holds, &seen)? {
                Balance::Best { multiplier, spare, rest } => {
                    return Some(Vertex { holds, seen, multiplier, spare, rest });
                }
                Balance::Falls { leaves, way, fall } => {
                    let (at, enters) = self.turn(&holds, seen.point, (way, fall), false)?;
                    holds[leaves] = enters;
                    let next = self.onto(side, holds, along(seen.point, way, at))?;
                    if next.value.is_nan() || next.value >= seen.value {
                        return None;
                    }
                    seen = next;
                }
            }
        }
        None
    }

    /// Descend from the edge of a pair, at a point of it that was just seen.
    pub(super) fn leave_edge(&mut self, side: Side, pair: [Hold; 2], seen: &Seen) -> Option<Vertex> {
        let (way, slope) = self.edge(&pair, seen)?;
        let way = if slope > 0.0 { way.map(|v| -v) } else { way };
        let (at, enters) = self.turn(&pair, seen.point, (way, slope.abs()), false)?;
        self.pivot(side, [pair[0], pair[1], enters], along(seen.point, way, at))
    }
}

/// The point so far along a way, its exponent not too different.
pub(super) fn along(from: Point, way: [f64; 3], at: f64) -> Point {
    let mut share = at;
    let to = from[2] + at * way[2];
    if to < SHRINK * from[2] || to > GROW * from[2] {
        share = (to.clamp(SHRINK * from[2], GROW * from[2]) - from[2]) / way[2];
    }
    std::array::from_fn(|k| from[k] + share * way[k])
}

struct Onto<'e, 'a, S> {
    engine: &'e Engine<'a, S, Absolute>,
    side: Side,
    holds: [Hold; 3],
    guess: Point,
}

impl<S: Scale> VectorKernel for Onto<'_, '_, S> {
    type Output = Option<Point>;

    #[inline(always)]
    fn run<V: Vector>(self) -> Option<Point> {
        let Self { engine, side, holds, guess: [mut height, mut slope, mut a] } = self;
        let (w, logs) = (&*engine.w, engine.w.logs(side));
        let mut distances = [0.0; LANES];
        for (to, hold) in distances.iter_mut().zip(&holds) {
            if let Hold::Row(i) = hold {
                *to = logs[*i];
            }
        }
        let distances = V::load(&distances);
        let (mut phi, mut first) = ([0.0; LANES], [0.0; LANES]);
        for _ in 0..MOST_STEPS {
            let [p, d] = phi_and_slope::<V>(distances, a, a * engine.placed.width);
            p.store(&mut phi);
            d.store(&mut first);
            let (mut system, mut right) = ([[0.0; 3]; 3], [0.0; 3]);
            for (k, hold) in holds.iter().enumerate() {
                (system[k], right[k]) = if let Hold::Row(i) = hold {
                    let factor = w.factor[*i];
                    (
                        [factor, factor * phi[k], factor * slope * first[k]],
                        w.aim[*i] - factor * (height + slope * phi[k]),
                    )
                } else {
                    ([1.0, -1.0 / a, slope / (a * a)], slope / a - height)
                };
            }
            let step = solve(system, right)?;
            let to = a + step[2];
            // So long a step is not to be believed: it goes as far as the exponent may.
            let share = if to < SHRINK * a {
                (SHRINK - 1.0) * a / step[2]
            } else if to > GROW * a {
                (GROW - 1.0) * a / step[2]
            } else {
                1.0
            };
            height += share * step[0];
            slope += share * step[1];
            a += share * step[2];
            if share == 1.0 && step[2].abs() <= ARRIVED * a {
                return Some([height, slope, a]);
            }
        }
        None
    }
}
