//! A compiled formula: what it needs, what is known about it, and how to evaluate it.

use super::assemble::{Tapes, assemble, fuse};
use super::beside::beside;
use super::boundary::{known, relax};
use super::differentiate::gradient;
use super::domain::{Requirement, domain};
use super::form::{Recognised, recognise};
use super::graph::{Graph, Op};
use super::linear::linear;
use super::location::{Crossing, Location, crossings, locations};
use super::lower::{Meaning, check_constants, lower};
use super::parse::{Parsed, parse};
use super::power_sum::{PowerSum, power_sum};
use super::target::Target;
use super::token::fault;
use super::tree::Node;
use super::units::{UnitChange, unit_change};
use crate::error::{Error, FormulaProblem};
use crate::tape::{BLOCK, Registers, Unary};

/// What a formula compiles to. Immutable; share it between threads.
#[derive(Debug, Clone)]
pub struct Program {
    columns: Vec<String>,
    params: Vec<String>,
    target: Option<Target>,
    text: String,
    requirements: Vec<Requirement>,
    linear: Vec<usize>,
    positive: Vec<usize>,
    locations: Vec<Location>,
    crossings: Vec<Crossing>,
    power_sum: Option<PowerSum>,
    form: Option<Recognised>,
    is_wavy: bool,
    is_periodic: bool,
    beside: Vec<f64>,
    column_units: Vec<Option<UnitChange>>,
    target_unit: Option<UnitChange>,
    tapes: Tapes,
}

/// Buffers for the evaluation of one program; nothing is allocated after it is made.
#[derive(Debug, Clone)]
pub struct Workspace {
    scalars: Vec<f64>,
    registers: Registers,
}

/// The names of a formula, before it is known which are columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// What stands to the left of `~`.
    pub target: Option<Target>,
    /// The names on the right side, each once, in order of appearance.
    pub names: Vec<String>,
}

/// Reads a formula only so far as to know its names.
///
/// # Errors
/// Whatever is wrong with the text.
pub fn names(formula: &str) -> Result<Names, Error> {
    let parsed = parse(formula)?;
    Ok(Names { target: parsed.target, names: parsed.tree.names })
}

/// Columns times nodes above which changes of units are not looked for.
const UNIT_BUDGET: usize = 200_000;

/// Whether a parameter stands inside a sine or a cosine.
fn has_period(graph: &Graph) -> bool {
    graph.ops.iter().any(|op| match *op {
        Op::One(Unary::Sin | Unary::Cos, inner) => {
            let inside = graph.reachable(&[inner]);
            graph.ops.iter().zip(inside).any(|(op, inside)| inside && matches!(op, Op::Param(_)))
        }
        _ => false,
    })
}

impl Program {
    /// Compiles `formula`: names in `columns` are columns, all others parameters in order of first appearance.
    ///
    /// # Errors
    /// Whatever is wrong with the text, at its characters; the target on the right side.
    pub fn compile(formula: &str, columns: &[String]) -> Result<Program, Error> {
        let parsed = parse(formula)?;
        refuse_target_on_right(&parsed)?;
        check_constants(&parsed, formula)?;
        let tree = &parsed.tree;
        let mut used = Vec::new();
        let mut params = Vec::new();
        let mut meanings = vec![Meaning::Param(0); tree.names.len()];
        let places: std::collections::BTreeMap<&str, usize> =
            tree.names.iter().enumerate().map(|(i, n)| (n.as_str(), i)).collect();
        for column in columns {
            if let Some(&name) = places.get(column.as_str())
                && matches!(meanings[name], Meaning::Param(_))
            {
                meanings[name] = Meaning::Column(used.len() as u32);
                used.push(column.clone());
            }
        }
        for (name, meaning) in tree.names.iter().zip(&mut meanings) {
            if let Meaning::Param(p) = meaning {
                *p = params.len() as u32;
                params.push(name.clone());
            }
        }
        let (mut requirements, positive) = domain(&parsed, &meanings, formula);
        relax(&parsed, &meanings, &mut requirements, &positive);
        let known = known(&requirements, &positive, used.len(), params.len());
        let mut graph = Graph::default();
        let root = lower(&parsed, &meanings, &known, &mut graph);
        let affordable = graph.ops.len() * (used.len() + 1) <= UNIT_BUDGET;
        let unit = |column| {
            if affordable { unit_change(&graph, root, params.len(), column) } else { None }
        };
        let column_units = (0..used.len() as u32).map(|c| unit(Some(c))).collect();
        let target_unit = unit(None);
        let linear = linear(&graph, root, params.len());
        let power_sum = power_sum(&graph, root);
        let form = recognise(&graph, root, params.len());
        let locations = locations(&graph, root);
        let crossings = crossings(&graph, root);
        let is_wavy = graph.ops.iter().any(|op| matches!(op, Op::One(Unary::Sin | Unary::Cos | Unary::Abs, _)));
        let is_periodic = has_period(&graph);
        let root = fuse(&mut graph, root);
        let gradient = gradient(&mut graph, root, params.len(), &known);
        let tapes = assemble(&graph, root, &gradient);
        let beside = beside(tree, &meanings, params.len());
        let text = canonical(&parsed);
        let target = parsed.target;
        Ok(Program {
            columns: used,
            params,
            target,
            text,
            requirements,
            linear,
            positive,
            locations,
            crossings,
            power_sum,
            form,
            is_wavy,
            is_periodic,
            beside,
            column_units,
            target_unit,
            tapes,
        })
    }

    /// The columns the right side uses, in the order they were given to `compile`.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The parameters, in order of first appearance.
    pub fn params(&self) -> &[String] {
        &self.params
    }

    /// What stands to the left of `~`.
    pub fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// The canonical text: parses to the same tree.
    pub fn text(&self) -> String {
        self.text.clone()
    }

    /// Conditions on columns, at most one per column, in the order of the columns.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// A maximal set of parameters in which the formula is jointly affine, ascending.
    pub fn linear(&self) -> &[usize] {
        &self.linear
    }

    /// Parameters that are subtracted from a column or from its logarithm.
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }

    /// Parameters that a place fixes at which a line along a column, or along its logarithm, crosses zero.
    pub fn crossings(&self) -> &[Crossing] {
        &self.crossings
    }

    /// Parameters that must be positive: factors of the base of a power or of the argument of a logarithm. Ascending.
    pub fn positive(&self) -> &[usize] {
        &self.positive
    }

    /// The formula as a sum of powers of columns, if it is one.
    pub fn power_sum(&self) -> Option<&PowerSum> {
        self.power_sum.as_ref()
    }

    /// The formula as a law that has a search of its own, if it is one.
    pub fn form(&self) -> Option<&Recognised> {
        self.form.as_ref()
    }

    /// Whether something in the formula turns back as it goes on: a sine, a cosine, an absolute value.
    pub fn is_wavy(&self) -> bool {
        self.is_wavy
    }

    /// Whether a sine or a cosine has a parameter inside: a period or a phase, which have about as many basins as rows.
    pub fn is_periodic(&self) -> bool {
        self.is_periodic
    }

    /// For each parameter the logarithm of the size that the constants beside it give it.
    pub fn beside(&self) -> &[f64] {
        &self.beside
    }

    /// How parameters change when a column (None: the target) is measured in units of k. None when they cannot absorb it.
    pub fn unit_change(&self, column: Option<usize>) -> Option<&UnitChange> {
        match column {
            Some(c) => self.column_units.get(c)?.as_ref(),
            None => self.target_unit.as_ref(),
        }
    }

    /// Number of data-only terms, evaluated once a dataset.
    pub fn slots(&self) -> usize {
        self.tapes.slots
    }

    /// Blocks of intermediate results that any of its tapes needs.
    pub fn registers(&self) -> usize {
        let tapes = &self.tapes;
        tapes.fill.registers().max(tapes.value.registers()).max(tapes.jacobian.registers())
    }

    /// Bytes that values (and derivatives) of `rows` rows take while they are computed, with a copy of the columns.
    pub fn needs(&self, rows: usize, with_jacobian: bool) -> u128 {
        let derivatives = if with_jacobian { self.params.len() } else { 0 };
        let per_row = self.slots() + self.columns.len() + derivatives + 8;
        let blocks = BLOCK * (self.registers() + self.slots() + derivatives + 4) + 4 * self.tapes.bind.len();
        (rows as u128 * per_row as u128 + blocks as u128) * size_of::<f64>() as u128
    }

    /// Evaluates the slots: `columns` as in `self.columns()`, all of one length n; each slot then has n values.
    ///
    /// # Panics
    /// When there are fewer columns or slots than the program has, or columns differ in length.
    pub fn fill(&self, columns: &[&[f64]], slots: &mut [Vec<f64>]) {
        let n = columns.first().map_or(0, |c| c.len());
        let mut registers = Registers::new(self.tapes.fill.registers());
        let mut first = [0.0; BLOCK];
        let mut more = vec![0.0; BLOCK * self.slots().saturating_sub(1)];
        for slot in slots.iter_mut() {
            slot.clear();
            slot.reserve(n);
        }
        for row in (0..n).step_by(BLOCK) {
            let len = BLOCK.min(n - row);
            self.tapes.fill.run(columns, row, &self.tapes.scalars, &mut registers, &mut first[..len], &mut more);
            let blocks = std::iter::once(&first[..]).chain(more.chunks(BLOCK));
            for (slot, block) in slots.iter_mut().zip(blocks).take(self.slots()) {
                slot.extend_from_slice(&block[..len]);
            }
        }
    }

    /// Buffers for `bind`, `value` and `value_jacobian`.
    pub fn workspace(&self) -> Workspace {
        let registers = Registers::new(self.tapes.value.registers().max(self.tapes.jacobian.registers()));
        Workspace { scalars: self.scalars(), registers }
    }

    /// Scalars as they are before parameters are bound.
    fn scalars(&self) -> Vec<f64> {
        let mut scalars = self.tapes.scalars.clone();
        scalars.resize(self.tapes.bind.len(), 0.0);
        scalars
    }

    /// Evaluates what depends on parameters only.
    ///
    /// # Panics
    /// When there are fewer values than parameters.
    pub fn bind(&self, params: &[f64], ws: &mut Workspace) {
        let p = self.params.len();
        ws.scalars[..p].copy_from_slice(&params[..p]);
        self.tapes.bind.run(&mut ws.scalars);
    }

    /// Values for rows `row..row + len` of the slots, `len <= BLOCK`, with the parameters last bound. Runs compiled for
    /// the widest vectors of this processor: callers need not dispatch.
    ///
    /// # Panics
    /// When `len > BLOCK` or a slice is too short.
    pub fn value(&self, slots: &[Vec<f64>], row: usize, len: usize, ws: &mut Workspace, out: &mut [f64]) {
        self.tapes.value.run(slots, row, &ws.scalars, &mut ws.registers, &mut out[..len], &mut []);
    }

    /// As `value`, bit for bit, and the derivative with respect to parameter j in `jac[j * BLOCK..][..len]`.
    ///
    /// # Panics
    /// When `len > BLOCK` or a slice is too short.
    pub fn value_jacobian(
        &self,
        slots: &[Vec<f64>],
        row: usize,
        len: usize,
        ws: &mut Workspace,
        out: &mut [f64],
        jac: &mut [f64],
    ) {
        self.tapes.jacobian.run(slots, row, &ws.scalars, &mut ws.registers, &mut out[..len], jac);
    }

    /// The values for whole columns (one value when the formula uses none). Allocates; for predictions and derived
    /// quantities.
    ///
    /// # Panics
    /// When there are fewer columns or parameters than the program has, or columns differ in length.
    pub fn evaluate(&self, columns: &[&[f64]], params: &[f64]) -> Vec<f64> {
        let n = if self.columns.is_empty() { 1 } else { columns[0].len() };
        let mut slots = vec![Vec::new(); self.slots()];
        self.fill(&columns[..self.columns.len()], &mut slots);
        let mut ws = Workspace {
            scalars: self.scalars(),
            // Short columns need no whole blocks.
            registers: Registers::of_rows(self.tapes.value.registers(), n.min(BLOCK)),
        };
        self.bind(params, &mut ws);
        let mut out = vec![0.0; n];
        for (block, part) in out.chunks_mut(BLOCK).enumerate() {
            let len = part.len();
            self.value(&slots, block * BLOCK, len, &mut ws, part);
        }
        out
    }

    /// Instructions of the data-only, parameter-only, value and value-with-derivatives tapes.
    pub fn instructions(&self) -> [usize; 4] {
        let t = &self.tapes;
        [t.fill.len(), t.bind.len() - t.scalars.len(), t.value.len(), t.jacobian.len()]
    }
}

fn canonical(parsed: &Parsed) -> String {
    let right = parsed.tree.text();
    match &parsed.target {
        None => right,
        Some(target) if target.transform.name().is_empty() => {
            format!("{} ~ {right}", target.column)
        }
        Some(target) => format!("{}({}) ~ {right}", target.transform.name(), target.column),
    }
}

fn refuse_target_on_right(parsed: &Parsed) -> Result<(), Error> {
    let tree = &parsed.tree;
    let Some(column) = parsed.target.as_ref().map(|t| &t.column) else {
        return Ok(());
    };
    let Some(name) = tree.names.iter().position(|n| n == column) else {
        return Ok(());
    };
    let at = tree.nodes.iter().position(|n| *n == Node::Name(name as u32)).unwrap_or(0);
    let (start, end) = tree.spans[at];
    let problem = FormulaProblem::TargetOnRight { column: super::token::shorten(column) };
    Err(fault(problem, start as usize, end as usize))
}
