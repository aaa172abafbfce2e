//! Factors of a product and summands of a sum: which of them absorb a change, by one rule for both.

use super::{Known, Search};
use crate::expr::graph::{Graph, Id, Op};
use crate::tape::{Binary, Unary};

/// What a value is made of, and so how it changes with its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    /// Of factors: their changes k**e are multiplied, so that their exponents add up.
    Product,
    /// Of summands: their changes e ln k are added, and so are their exponents.
    Sum,
}

/// A part, and whether it divides or is subtracted.
type Part = (Id, bool);

impl Search {
    /// The parts of `id`, from left to right; signs of factors are dropped.
    pub(super) fn parts(&mut self, id: Id, whole: Whole) -> Option<Vec<Part>> {
        let (joins, undoes) = match whole {
            Whole::Product => (Binary::Mul, Binary::Div),
            Whole::Sum => (Binary::Add, Binary::Sub),
        };
        let mut found = Vec::new();
        let mut stack = vec![(id, false)];
        while let Some((id, inverse)) = stack.pop() {
            self.visits = self.visits.checked_sub(1)?;
            // A multiple of a logarithm changes by a summand: it is not a product here.
            let splits = whole == Whole::Sum || !self.is_log(id);
            match self.graph.op(id) {
                Op::Two(Binary::Limit, a, b) if splits && joins == Binary::Mul => {
                    stack.extend([(b, inverse), (a, inverse)]);
                }
                Op::Two(op, a, b) if splits && op == joins => stack.extend([(b, inverse), (a, inverse)]),
                Op::Two(op, a, b) if splits && op == undoes => stack.extend([(b, !inverse), (a, inverse)]),
                Op::One(Unary::Neg, a) => stack.push((a, inverse != (whole == Whole::Sum))),
                _ => found.push((id, inverse)),
            }
        }
        Some(found)
    }

    /// How a part changes by itself.
    fn change_of(&mut self, part: Id, whole: Whole) -> Option<Known> {
        match whole {
            Whole::Product => self.scale_of(part),
            Whole::Sum => self.shift_of(part),
        }
    }

    /// Makes a part change by `wanted`.
    fn change(&mut self, part: Id, whole: Whole, wanted: Id) -> Option<()> {
        match whole {
            Whole::Product => self.scale(part, wanted),
            Whole::Sum => self.shift(part, wanted),
        }
    }

    /// How `id` changes by itself, from its parts.
    pub(super) fn change_of_parts(&mut self, id: Id, whole: Whole) -> Option<Known> {
        let mut sum = self.zero;
        for (part, inverse) in self.parts(id, whole)? {
            match self.change_of(part, whole)? {
                None => return Some(None),
                Some(e) if inverse => sum = self.graph.sub(sum, e),
                Some(e) => sum = self.graph.add(sum, e),
            }
        }
        Some(Some(sum))
    }

    /// Makes `id` change by `wanted`: parts with known change keep it; the first free one, a bare parameter if there is one,
    /// takes the remainder.
    pub(super) fn change_parts(&mut self, id: Id, whole: Whole, wanted: Id) -> Option<()> {
        let parts = self.parts(id, whole)?;
        let mut rest = wanted;
        let mut free: Option<Id> = None;
        let mut known = Vec::with_capacity(parts.len());
        for &(part, inverse) in &parts {
            let change = self.change_of(part, whole)?;
            known.push(change);
            match change {
                Some(e) if inverse => rest = self.graph.add(rest, e),
                Some(e) => rest = self.graph.sub(rest, e),
                None => {
                    let is_bare = |graph: &Graph, id| matches!(graph.op(id), Op::Param(_));
                    if free.is_none_or(|f| !is_bare(&self.graph, f) && is_bare(&self.graph, part)) {
                        free = Some(part);
                    }
                }
            }
        }
        if free.is_none() && !self.equal(rest, self.zero) {
            return None;
        }
        let rest = self.share(rest, free, &parts)?;
        for (&(part, _), change) in parts.iter().zip(known) {
            match change {
                Some(e) => self.change(part, whole, e)?,
                None if free == Some(part) => {}
                None => self.change(part, whole, self.zero)?,
            }
        }
        match free {
            Some(part) => self.change(part, whole, rest),
            None => Some(()),
        }
    }

    /// What each occurrence of the free part takes of `rest`: A*A*x halves it, x/A turns it round.
    fn share(&mut self, rest: Id, free: Option<Id>, parts: &[Part]) -> Option<Id> {
        let Some(free) = free else { return Some(rest) };
        let signs =
            parts.iter().filter(|(part, _)| *part == free).map(|&(_, inverse)| if inverse { -1.0 } else { 1.0 });
        let count: f64 = signs.sum();
        if count == 0.0 {
            return None;
        }
        let count = self.graph.constant(count);
        Some(self.graph.div(rest, count))
    }
}
