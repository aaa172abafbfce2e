//! Graph to tapes: one for each stratum.

use super::graph::{Graph, Id, Op, Stratum};
use crate::tape::{Binary, Destination, Instruction, Operand, Operation, RowTape, ScalarTape, select};

/// The tapes of a formula.
#[derive(Debug, Clone, Default)]
pub(super) struct Tapes {
    /// Columns to slots.
    pub(super) fill: RowTape,
    pub(super) slots: usize,
    /// Scalars before any evaluation: parameters (any value), then constants.
    pub(super) scalars: Vec<f64>,
    /// Parameters and constants to the other scalars.
    pub(super) bind: ScalarTape,
    pub(super) value: RowTape,
    pub(super) jacobian: RowTape,
}

/// Products that only a sum uses become fused multiply-adds. Decided on the value alone, so that value and Jacobian
/// tapes give the same bits.
pub(super) fn fuse(graph: &mut Graph, root: Id) -> Id {
    let live = graph.reachable(&[root]);
    let mut uses = vec![0_u32; live.len()];
    for (op, _) in graph.ops.iter().zip(&live).filter(|(_, l)| **l) {
        let (children, count) = op.children();
        children[..count].iter().for_each(|&c| uses[c as usize] += 1);
    }
    let mut new: Vec<Id> = (0..live.len() as Id).collect();
    for id in 0..live.len() {
        if !live[id] {
            continue;
        }
        let to = |c: Id| new[c as usize];
        let product = |g: &Graph, c: Id| match g.op(c) {
            Op::Two(Binary::Mul, x, y) if g.stratum(c) == Stratum::Rows && uses[c as usize] == 1 => Some((x, y)),
            _ => None,
        };
        new[id] = match graph.ops[id] {
            leaf @ (Op::Constant(_) | Op::Column(_) | Op::Param(_)) => graph.insert(leaf),
            Op::One(unary, a) => graph.insert(Op::One(unary, to(a))),
            Op::Two(Binary::Add, a, b) if product(graph, b).is_some() || product(graph, a).is_some() => {
                let (rest, (x, y)) = match (product(graph, b), product(graph, a)) {
                    (Some(p), _) => (a, p),
                    (_, Some(p)) => (b, p),
                    (None, None) => continue,
                };
                graph.insert(Op::MulAdd(to(x), to(y), to(rest)))
            }
            Op::Two(Binary::Sub, a, b) => match (product(graph, b), product(graph, a)) {
                (Some((x, y)), _) if graph.stratum(x) != Stratum::Rows || graph.stratum(y) != Stratum::Rows => {
                    let (x, y) = if graph.stratum(x) == Stratum::Rows { (y, x) } else { (x, y) };
                    let minus = graph.neg(to(x));
                    graph.insert(Op::MulAdd(minus, to(y), to(a)))
                }
                (_, Some((x, y))) if graph.stratum(b) != Stratum::Rows => {
                    let minus = graph.neg(to(b));
                    graph.insert(Op::MulAdd(to(x), to(y), minus))
                }
                _ => graph.insert(Op::Two(Binary::Sub, to(a), to(b))),
            },
            Op::Two(binary, a, b) => graph.insert(Op::Two(binary, to(a), to(b))),
            Op::MulAdd(a, b, c) => graph.insert(Op::MulAdd(to(a), to(b), to(c))),
            Op::Select(a, b, c) => graph.insert(Op::Select(to(a), to(b), to(c))),
        };
    }
    new[root as usize]
}

/// The tapes that compute `root` and its `gradient`.
pub(super) fn assemble(graph: &Graph, root: Id, gradient: &[Id]) -> Tapes {
    let mut outputs = vec![root];
    outputs.extend_from_slice(gradient);
    let live = graph.reachable(&outputs);
    let mut places = Places { graph, operands: vec![None; graph.ops.len()] };

    let mut scalars = vec![0.0; gradient.len()];
    let mut bind = Vec::new();
    for id in (0..graph.ops.len()).filter(|&id| live[id]) {
        let op = graph.ops[id];
        if let Op::Param(p) = op {
            places.operands[id] = Some(Operand::Scalar(p));
        } else if graph.stratum(id as Id) == Stratum::Constant {
            // What was not folded has no finite value; it is still a number.
            let (children, count) = op.children();
            let value = |c: usize| match places.operand(children[c]) {
                Operand::Scalar(s) if c < count => scalars[s as usize],
                _ => f64::NAN,
            };
            let value = match op {
                Op::Constant(bits) => f64::from_bits(bits),
                Op::One(unary, _) => unary.apply(value(0)),
                Op::Two(binary, ..) => binary.apply(value(0), value(1)),
                Op::MulAdd(..) => value(0).mul_add(value(1), value(2)),
                Op::Select(..) => select(value(0), value(1), value(2)),
                Op::Column(_) | Op::Param(_) => f64::NAN,
            };
            places.operands[id] = Some(Operand::Scalar(scalars.len() as u32));
            scalars.push(value);
        }
    }
    for id in (0..graph.ops.len()).filter(|&id| live[id]) {
        if places.operands[id].is_none() && graph.stratum(id as Id) == Stratum::Params {
            let operation = places.operation(id as Id);
            places.operands[id] = Some(Operand::Scalar((scalars.len() + bind.len()) as u32));
            bind.push(operation);
        }
    }

    // Slots: what rows or outputs need of the data.
    let mut slots: Vec<Id> = Vec::new();
    let mut is_slot = vec![false; graph.ops.len()];
    let mut want = |c: Id| {
        if graph.stratum(c) == Stratum::Data && !std::mem::replace(&mut is_slot[c as usize], true) {
            slots.push(c);
        }
    };
    for id in (0..graph.ops.len()).filter(|&id| live[id] && graph.stratum(id as Id) == Stratum::Rows) {
        let (children, count) = graph.ops[id].children();
        children[..count].iter().for_each(|&c| want(c));
    }
    for &output in &outputs {
        want(output);
    }
    let mut inputs = places.clone();
    for id in (0..graph.ops.len()).filter(|&id| live[id]) {
        if let Op::Column(c) = graph.ops[id] {
            inputs.operands[id] = Some(Operand::Input(c));
        }
    }
    let fill = inputs.rows(&slots, Stratum::Data);
    for (slot, &id) in slots.iter().enumerate() {
        places.operands[id as usize] = Some(Operand::Input(slot as u32));
    }
    Tapes {
        fill,
        slots: slots.len(),
        bind: ScalarTape::new(scalars.len(), bind),
        scalars,
        value: places.clone().rows(&[root], Stratum::Rows),
        jacobian: places.rows(&outputs, Stratum::Rows),
    }
}

/// A tape over parameters only that computes `root` and its `gradient`: scalars beforehand, code, and where the results are.
pub(super) fn assemble_scalar(graph: &Graph, params: usize, outputs: &[Id]) -> (Vec<f64>, ScalarTape, Vec<usize>) {
    let live = graph.reachable(outputs);
    let mut places = Places { graph, operands: vec![None; graph.ops.len()] };
    let mut scalars = vec![0.0; params];
    for id in (0..graph.ops.len()).filter(|&id| live[id]) {
        match graph.ops[id] {
            Op::Constant(bits) => {
                places.operands[id] = Some(Operand::Scalar(scalars.len() as u32));
                scalars.push(f64::from_bits(bits));
            }
            Op::Param(p) => places.operands[id] = Some(Operand::Scalar(p)),
            _ => {}
        }
    }
    let mut code = Vec::new();
    for id in (0..graph.ops.len()).filter(|&id| live[id]) {
        if places.operands[id].is_none() {
            let operation = places.operation(id as Id);
            places.operands[id] = Some(Operand::Scalar((scalars.len() + code.len()) as u32));
            code.push(operation);
        }
    }
    let found = outputs.iter().map(|&o| match places.operand(o) {
        Operand::Scalar(s) => s as usize,
        Operand::Register(_) | Operand::Input(_) => 0,
    });
    let found = found.collect();
    (scalars.clone(), ScalarTape::new(scalars.len(), code), found)
}

/// Where the value of each node is found.
#[derive(Clone)]
struct Places<'a> {
    graph: &'a Graph,
    operands: Vec<Option<Operand>>,
}

impl Places<'_> {
    fn operand(&self, id: Id) -> Operand {
        // Children are placed before their parents, so a place is never missing.
        self.operands[id as usize].unwrap_or(Operand::Scalar(0))
    }

    fn operation(&self, id: Id) -> Operation {
        match self.graph.op(id) {
            Op::Constant(_) | Op::Column(_) | Op::Param(_) => Operation::Copy(self.operand(id)),
            Op::One(unary, a) => Operation::One(unary, self.operand(a)),
            Op::Two(binary, a, b) => Operation::Two(binary, self.operand(a), self.operand(b)),
            Op::MulAdd(a, b, c) => Operation::MulAdd(self.operand(a), self.operand(b), self.operand(c)),
            Op::Select(a, b, c) => Operation::Select(self.operand(a), self.operand(b), self.operand(c)),
        }
    }

    /// The tape of `outputs` over everything of `stratum` that has no place yet. Registers are used again once their last
    /// reader has run.
    fn rows(mut self, outputs: &[Id], stratum: Stratum) -> RowTape {
        let graph = self.graph;
        let live = graph.reachable(outputs);
        let mut wanted: Vec<Vec<u32>> = vec![Vec::new(); graph.ops.len()];
        for (output, &id) in outputs.iter().enumerate() {
            wanted[id as usize].push(output as u32);
        }
        let order: Vec<Id> = (0..graph.ops.len() as Id)
            .filter(|&id| live[id as usize] && graph.stratum(id) == stratum && self.operands[id as usize].is_none())
            .collect();
        let mut readers = vec![0_u32; graph.ops.len()];
        for &id in &order {
            let (children, count) = graph.op(id).children();
            children[..count].iter().for_each(|&c| readers[c as usize] += 1);
        }
        let mut code = Vec::with_capacity(order.len() + outputs.len());
        for (id, to) in wanted.iter().enumerate() {
            if self.operands[id].is_some() {
                let operation = Operation::Copy(self.operand(id as Id));
                code.extend(to.iter().map(|&j| Instruction { operation, to: Destination::Output(j) }));
            }
        }
        let mut free: Vec<u32> = Vec::new();
        let mut registers = 0;
        for &id in &order {
            let operation = self.operation(id);
            let to = &wanted[id as usize];
            if let (0, [only]) = (readers[id as usize], &to[..]) {
                code.push(Instruction { operation, to: Destination::Output(*only) });
            } else {
                let register = free.pop().unwrap_or_else(|| {
                    registers += 1;
                    registers - 1
                });
                self.operands[id as usize] = Some(Operand::Register(register));
                code.push(Instruction { operation, to: Destination::Register(register) });
                let copy = Operation::Copy(Operand::Register(register));
                code.extend(to.iter().map(|&j| Instruction { operation: copy, to: Destination::Output(j) }));
                if readers[id as usize] == 0 {
                    free.push(register);
                }
            }
            let (children, count) = graph.op(id).children();
            for &c in &children[..count] {
                readers[c as usize] -= 1;
                if readers[c as usize] == 0
                    && let Some(Operand::Register(r)) = self.operands[c as usize]
                {
                    free.push(r);
                }
            }
        }
        RowTape::new(code, registers as usize)
    }
}
