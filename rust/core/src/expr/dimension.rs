//! Dimensional analysis with exponents that may depend on parameters: which parameters absorb a change of unit, and how.
//!
//! `scale` and `shift` walk down from the root with the change wanted of each value and fail where it cannot be had; what
//! they assign is therefore right. `scale_of` and `shift_of` only guess which change a part has by itself.

mod parts;

use super::graph::{Graph, Id, Op, Stratum};
use crate::tape::{Binary, Unary};
use parts::Whole;

/// Nesting beyond which a unit is taken not to be absorbable; bounds the recursion.
const MAX_DEPTH: usize = 100;
/// Nodes visited before giving up.
const MAX_VISITS: usize = 50_000;

/// How one parameter changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShiftKind {
    /// natural = new * k**exponent
    Multiplicative,
    /// natural = new + exponent * ln k
    Additive,
}

/// For each parameter that must do something, how it changes and by which exponent, a node of the graph returned.
pub(super) type Assigned = Vec<Option<(ShiftKind, Id)>>;

/// The changes by which the parameters undo a change of unit of `column` (None: of the target) at `root`.
pub(super) fn absorb(graph: &Graph, root: Id, params: usize, column: Option<u32>) -> Option<(Graph, Assigned)> {
    let mut graph = graph.clone();
    let zero = graph.constant(0.0);
    let one = graph.constant(1.0);
    let logs = column.map_or_else(Vec::new, |c| logs(&graph, c));
    let assigned = vec![None; params];
    let mut search =
        Search { graph, column, logs, assigned, values: Vec::new(), visits: MAX_VISITS, depth: 0, zero, one };
    search.scale(root, if column.is_none() { one } else { zero })?;
    Some((search.graph, search.assigned))
}

/// Nodes to which a change of the column's unit adds: its logarithm, sums with it, multiples of it.
fn logs(graph: &Graph, column: u32) -> Vec<bool> {
    let mut depends = vec![false; graph.ops.len()];
    let mut logs = vec![false; graph.ops.len()];
    for (id, op) in graph.ops.iter().enumerate() {
        let (children, count) = op.children();
        depends[id] = *op == Op::Column(column) || children[..count].iter().any(|&c| depends[c as usize]);
        logs[id] = match *op {
            Op::One(Unary::Ln, a) => depends[a as usize],
            Op::One(Unary::Neg, a) => logs[a as usize],
            Op::Two(Binary::Add | Binary::Sub | Binary::LogAddExp, a, b) => logs[a as usize] || logs[b as usize],
            Op::Two(Binary::Mul | Binary::Limit, a, b) => {
                let multiple = |x: Id, y: Id| logs[x as usize] && !depends[y as usize];
                multiple(a, b) || multiple(b, a)
            }
            Op::Two(Binary::Div, a, b) => logs[a as usize] && !depends[b as usize],
            _ => false,
        };
    }
    logs
}

/// What is known of how a value changes: by a factor k**e or a summand e ln k, or not yet, for want of a parameter's.
type Known = Option<Id>;

struct Search {
    graph: Graph,
    column: Option<u32>,
    logs: Vec<bool>,
    assigned: Assigned,
    /// Every node at three arbitrary sets of parameters.
    values: Vec<[f64; 3]>,
    visits: usize,
    depth: usize,
    zero: Id,
    one: Id,
}

impl Search {
    fn enter(&mut self) -> Option<()> {
        self.visits = self.visits.checked_sub(1)?;
        self.depth += 1;
        (self.depth <= MAX_DEPTH).then_some(())
    }

    fn is_log(&self, id: Id) -> bool {
        self.logs.get(id as usize).copied().unwrap_or(false)
    }

    fn params_only(&self, id: Id) -> bool {
        matches!(self.graph.stratum(id), Stratum::Constant | Stratum::Params)
    }

    /// `id` with a constant in place of an expression that is one, as (a/b)/(1/b) - a is zero: told by its values at three
    /// arbitrary sets of parameters.
    fn tidy(&mut self, id: Id) -> Id {
        for at in self.values.len()..self.graph.ops.len() {
            let value = |point: usize| {
                let op = self.graph.ops[at];
                let param = |p: u32| arbitrary(u64::from(p) + 1, point as u64);
                op.value(|child| self.values[child as usize][point], |_| f64::NAN, param)
            };
            let values = [value(0), value(1), value(2)];
            self.values.push(values);
        }
        let [x, y, z] = self.values[id as usize];
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * (1.0 + a.abs());
        if near(x, y) && near(y, z) {
            let rounded = (x * 720.0).round() / 720.0;
            return self.graph.constant(if near(x, rounded) { rounded + 0.0 } else { x });
        }
        id
    }

    fn equal(&mut self, a: Id, b: Id) -> bool {
        let difference = self.graph.sub(a, b);
        self.tidy(difference) == self.zero
    }

    fn assign(&mut self, param: u32, kind: ShiftKind, exponent: Id) -> Option<()> {
        let exponent = self.tidy(exponent);
        match self.assigned[param as usize] {
            None => self.assigned[param as usize] = Some((kind, exponent)),
            Some((k, e)) => {
                let same = (k == kind || exponent == self.zero) && (e == exponent || self.equal(e, exponent));
                return same.then_some(());
            }
        }
        Some(())
    }

    /// Makes the value change by k**wanted.
    fn scale(&mut self, id: Id, wanted: Id) -> Option<()> {
        self.enter()?;
        let wanted = self.tidy(wanted);
        let done = if wanted == self.zero && self.is_log(id) {
            self.shift_inner(id, wanted)
        } else {
            self.scale_inner(id, wanted)
        };
        self.depth -= 1;
        done
    }

    fn scale_inner(&mut self, id: Id, wanted: Id) -> Option<()> {
        let still = wanted == self.zero;
        match self.graph.op(id) {
            Op::Constant(bits) => (still || f64::from_bits(bits) == 0.0).then_some(()),
            Op::Column(c) => {
                let own = if Some(c) == self.column { self.one } else { self.zero };
                self.equal(own, wanted).then_some(())
            }
            Op::Param(p) => self.assign(p, ShiftKind::Multiplicative, wanted),
            Op::Two(Binary::Add | Binary::Sub, ..) => {
                for (term, _) in self.parts(id, Whole::Sum)? {
                    self.scale(term, wanted)?;
                }
                Some(())
            }
            Op::One(Unary::Neg, _) | Op::Two(Binary::Mul | Binary::Limit | Binary::Div, ..) => {
                self.change_parts(id, Whole::Product, wanted)
            }
            Op::One(Unary::Abs, a) => self.scale(a, wanted),
            Op::One(Unary::Sqrt, a) => {
                let twice = self.graph.add(wanted, wanted);
                self.scale(a, twice)
            }
            Op::One(Unary::Exp, z) => self.shift(z, wanted),
            Op::Two(Binary::Min | Binary::Max, a, b) => {
                self.scale(a, wanted)?;
                self.scale(b, wanted)
            }
            Op::Select(c, a, b) => {
                self.compare(c)?;
                self.scale(a, wanted)?;
                self.scale(b, wanted)
            }
            // x**n with a large integer n
            Op::Two(Binary::Pow, a, b) if self.graph.number(b).is_some() => {
                let part = self.graph.div(wanted, b);
                self.scale(a, part)
            }
            op @ (Op::One(..) | Op::Two(..) | Op::MulAdd(..)) => {
                if !still {
                    return None;
                }
                let (children, count) = op.children();
                for &child in &children[..count] {
                    self.scale(child, self.zero)?;
                }
                Some(())
            }
        }
    }

    /// A comparison holds in all units when both sides change alike.
    fn compare(&mut self, condition: Id) -> Option<()> {
        let Op::Two(_, a, b) = self.graph.op(condition) else {
            return None;
        };
        if self.is_log(a) || self.is_log(b) {
            let by = match (self.shift_of(a)?, self.shift_of(b)?) {
                (Some(e), _) | (None, Some(e)) => e,
                (None, None) => self.zero,
            };
            self.shift(a, by)?;
            return self.shift(b, by);
        }
        let by = match (self.scale_of(a)?, self.scale_of(b)?) {
            (Some(e), _) | (None, Some(e)) => e,
            (None, None) => self.zero,
        };
        self.scale(a, by)?;
        self.scale(b, by)
    }

    /// How the value changes by itself: Some(Some(e)) by k**e, Some(None) as its free parameters decide.
    fn scale_of(&mut self, id: Id) -> Option<Known> {
        self.enter()?;
        let known = self.scale_of_inner(id);
        self.depth -= 1;
        known
    }

    fn scale_of_inner(&mut self, id: Id) -> Option<Known> {
        let zero = Some(Some(self.zero));
        if self.is_log(id) {
            return zero;
        }
        match self.graph.op(id) {
            Op::Constant(bits) if f64::from_bits(bits) == 0.0 => Some(None),
            Op::Column(c) if Some(c) == self.column => Some(Some(self.one)),
            Op::Param(p) => Some(self.assigned[p as usize].map(|(_, e)| e)),
            Op::Two(Binary::Add | Binary::Sub, ..) => {
                for (term, _) in self.parts(id, Whole::Sum)? {
                    if let Some(e) = self.scale_of(term)? {
                        return Some(Some(e));
                    }
                }
                Some(None)
            }
            Op::Two(Binary::Min | Binary::Max, a, b) | Op::Select(_, a, b) => match self.scale_of(a)? {
                Some(e) => Some(Some(e)),
                None => self.scale_of(b),
            },
            Op::One(Unary::Neg, _) | Op::Two(Binary::Mul | Binary::Limit | Binary::Div, ..) => {
                self.change_of_parts(id, Whole::Product)
            }
            Op::One(Unary::Abs, a) => self.scale_of(a),
            Op::One(Unary::Sqrt, a) => {
                let half = self.graph.constant(0.5);
                Some(self.scale_of(a)?.map(|e| self.graph.mul(half, e)))
            }
            Op::One(Unary::Exp, z) => self.shift_of(z),
            Op::Two(Binary::Pow, a, b) if self.graph.number(b).is_some() => {
                Some(self.scale_of(a)?.map(|e| self.graph.mul(e, b)))
            }
            _ => zero,
        }
    }

    /// Makes the value change by wanted * ln k.
    fn shift(&mut self, id: Id, wanted: Id) -> Option<()> {
        self.enter()?;
        let wanted = self.tidy(wanted);
        let done = if wanted == self.zero && !self.is_log(id) {
            self.scale_inner(id, wanted)
        } else {
            self.shift_inner(id, wanted)
        };
        self.depth -= 1;
        done
    }

    fn shift_inner(&mut self, id: Id, wanted: Id) -> Option<()> {
        match self.graph.op(id) {
            Op::Param(p) => self.assign(p, ShiftKind::Additive, wanted),
            Op::One(Unary::Ln, a) => self.scale(a, wanted),
            Op::One(Unary::Neg, a) => {
                let minus = self.graph.neg(wanted);
                self.shift(a, minus)
            }
            Op::Two(Binary::Add | Binary::Sub, ..) => self.change_parts(id, Whole::Sum, wanted),
            Op::Two(Binary::LogAddExp, a, b) => {
                self.shift(a, wanted)?;
                self.shift(b, wanted)
            }
            Op::Two(Binary::Mul | Binary::Limit | Binary::Div, ..) => {
                let (multiple, inverse, inner) = self.multiple(id)?;
                self.scale(multiple, self.zero)?;
                let wanted = if inverse { self.graph.mul(wanted, multiple) } else { self.graph.div(wanted, multiple) };
                self.shift(inner, wanted)
            }
            _ => None,
        }
    }

    /// As `scale_of`, for a summand e ln k.
    fn shift_of(&mut self, id: Id) -> Option<Known> {
        self.enter()?;
        let known = self.shift_of_inner(id);
        self.depth -= 1;
        known
    }

    fn shift_of_inner(&mut self, id: Id) -> Option<Known> {
        match self.graph.op(id) {
            Op::Param(p) => Some(self.assigned[p as usize].map(|(_, e)| e)),
            Op::One(Unary::Ln, a) => self.scale_of(a),
            Op::One(Unary::Neg, a) => Some(self.shift_of(a)?.map(|e| self.graph.neg(e))),
            Op::Two(Binary::Add | Binary::Sub, ..) => self.change_of_parts(id, Whole::Sum),
            Op::Two(Binary::LogAddExp, a, b) => match self.shift_of(a)? {
                Some(e) => Some(Some(e)),
                None => self.shift_of(b),
            },
            Op::Two(Binary::Mul | Binary::Limit | Binary::Div, ..) => match self.multiple(id) {
                Some((multiple, inverse, inner)) if self.is_log(inner) || self.graph.number(multiple).is_some() => {
                    let known = self.shift_of(inner)?;
                    Some(known.map(|e| if inverse { self.graph.div(e, multiple) } else { self.graph.mul(multiple, e) }))
                }
                _ => Some(Some(self.zero)),
            },
            _ => Some(Some(self.zero)),
        }
    }

    /// `id` as a multiple of what changes by a summand: (multiple, whether it divides, the rest).
    fn multiple(&self, id: Id) -> Option<(Id, bool, Id)> {
        match self.graph.op(id) {
            Op::Two(Binary::Mul | Binary::Limit, a, b) => [(a, b), (b, a)]
                .into_iter()
                .filter(|&(m, _)| self.params_only(m))
                .max_by_key(|&(m, inner)| (self.is_log(inner), self.graph.number(m).is_some()))
                .map(|(m, inner)| (m, false, inner)),
            Op::Two(Binary::Div, a, b) if self.params_only(b) => Some((b, true, a)),
            _ => None,
        }
    }
}

/// A number in (0.5, 1.5) without relation to its neighbours.
pub(super) fn arbitrary(index: u64, point: u64) -> f64 {
    let mixed = (index.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ point.wrapping_mul(0xd1b5_4a32_d192_ed03))
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    0.5 + ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}
