//! Sums of powers of columns, recognised however they are written.

use super::graph::{Graph, Id, Op};
use crate::tape::{Binary, Unary};

/// f = sum of terms.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerSum {
    /// The terms, in the order of the formula.
    pub terms: Vec<PowerTerm>,
}

/// scale * `parameters[factor]` * exp(`log_amplitude`) * product over columns of column ** exponent.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerTerm {
    /// A number.
    pub scale: f64,
    /// A parameter that multiplies the term as it stands.
    pub factor: Option<usize>,
    /// An amplitude in log form.
    pub log_amplitude: LinearForm,
    /// Column and exponent, in the order of the columns.
    pub exponents: Vec<(usize, LinearForm)>,
}

/// constant + sum of coefficient * parameter.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LinearForm {
    /// The part without parameters.
    pub constant: f64,
    /// Parameter and coefficient, in order of the parameters, without zeros.
    pub coefficients: Vec<(usize, f64)>,
}

impl PowerSum {
    /// Whether it is one power, with or without a constant beside it: along its exponent the best fit has one valley, which
    /// sums of several powers do not.
    pub fn is_one_power(&self) -> bool {
        let constant = |term: &&PowerTerm| term.exponents.is_empty();
        let powers = self.terms.len() - self.terms.iter().filter(constant).count();
        powers == 1 && self.terms.len() <= 2
    }
}

impl LinearForm {
    /// Its value.
    pub fn value(&self, params: &[f64]) -> f64 {
        self.coefficients.iter().fold(self.constant, |sum, &(p, c)| c.mul_add(params[p], sum))
    }

    fn is_zero(&self) -> bool {
        self.constant == 0.0 && self.coefficients.is_empty()
    }

    fn add(&mut self, param: Option<usize>, amount: f64) {
        let Some(param) = param else {
            self.constant += amount;
            return;
        };
        match self.coefficients.binary_search_by_key(&param, |&(p, _)| p) {
            Ok(i) => self.coefficients[i].1 += amount,
            Err(i) => self.coefficients.insert(i, (param, amount)),
        }
        self.coefficients.retain(|&(_, c)| c != 0.0);
    }
}

/// Terms and factors looked at before a formula is taken for something else.
const MAX_PARTS: usize = 20_000;

/// The terms of `root` if it is such a sum.
pub(super) fn power_sum(graph: &Graph, root: Id) -> Option<PowerSum> {
    let mut budget = MAX_PARTS;
    let mut terms = Vec::new();
    let mut stack = vec![(root, 1.0)];
    while let Some((id, sign)) = stack.pop() {
        budget = budget.checked_sub(1)?;
        match graph.op(id) {
            Op::Two(Binary::Add, a, b) => stack.extend([(b, sign), (a, sign)]),
            Op::Two(Binary::Sub, a, b) => stack.extend([(b, -sign), (a, sign)]),
            Op::One(Unary::Neg, a) => stack.push((a, -sign)),
            _ => terms.push(term(graph, id, sign, &mut budget)?),
        }
    }
    let varies = terms.iter().any(|t| !t.exponents.is_empty());
    varies.then_some(PowerSum { terms })
}

fn term(graph: &Graph, root: Id, sign: f64, budget: &mut usize) -> Option<PowerTerm> {
    let mut term = PowerTerm { scale: sign, factor: None, log_amplitude: LinearForm::default(), exponents: Vec::new() };
    let mut stack = vec![(root, 1.0)];
    while let Some((id, power)) = stack.pop() {
        *budget = budget.checked_sub(1)?;
        match graph.op(id) {
            Op::Constant(bits) => {
                term.scale *= if power > 0.0 { f64::from_bits(bits) } else { 1.0 / f64::from_bits(bits) }
            }
            Op::Param(p) if power > 0.0 && term.factor.is_none() => term.factor = Some(p as usize),
            Op::Column(c) => raise(&mut term.exponents, c as usize, None, power),
            Op::One(Unary::Neg, a) => {
                term.scale = -term.scale;
                stack.push((a, power));
            }
            Op::Two(Binary::Mul, a, b) => stack.extend([(b, power), (a, power)]),
            Op::Two(Binary::Div, a, b) => stack.extend([(b, -power), (a, power)]),
            Op::One(Unary::Sqrt, a) => {
                let Op::Column(c) = graph.op(a) else {
                    return None;
                };
                raise(&mut term.exponents, c as usize, None, 0.5 * power);
            }
            Op::One(Unary::Exp, z) => exponential(graph, z, power, &mut term, budget)?,
            _ => return None,
        }
    }
    term.exponents.retain(|(_, e)| !e.is_zero());
    term.scale.is_finite().then_some(term)
}

fn raise(exponents: &mut Vec<(usize, LinearForm)>, column: usize, param: Option<usize>, amount: f64) {
    let at = match exponents.binary_search_by_key(&column, |&(c, _)| c) {
        Ok(at) => at,
        Err(at) => {
            exponents.insert(at, (column, LinearForm::default()));
            at
        }
    };
    exponents[at].1.add(param, amount);
}

/// Takes in exp(power * z) where z is linear in parameters and in logarithms of columns.
fn exponential(graph: &Graph, z: Id, power: f64, term: &mut PowerTerm, budget: &mut usize) -> Option<()> {
    let mut stack = vec![(z, power)];
    while let Some((id, sign)) = stack.pop() {
        *budget = budget.checked_sub(1)?;
        match graph.op(id) {
            Op::Two(Binary::Add, a, b) => stack.extend([(b, sign), (a, sign)]),
            Op::Two(Binary::Sub, a, b) => stack.extend([(b, -sign), (a, sign)]),
            Op::One(Unary::Neg, a) => stack.push((a, -sign)),
            _ => {
                // number * parameter? * (sum of logarithms)?
                let mut scale = sign;
                let mut param = None;
                let mut logs: Option<Id> = None;
                let mut factors = vec![id];
                while let Some(factor) = factors.pop() {
                    *budget = budget.checked_sub(1)?;
                    match graph.op(factor) {
                        Op::Constant(bits) => scale *= f64::from_bits(bits),
                        Op::Param(p) if param.is_none() => param = Some(p as usize),
                        Op::One(Unary::Neg, a) => {
                            scale = -scale;
                            factors.push(a);
                        }
                        Op::Two(Binary::Mul, a, b) => factors.extend([b, a]),
                        Op::Two(Binary::Div, a, b) => {
                            scale /= graph.number(b)?;
                            factors.push(a);
                        }
                        _ if logs.is_none() => logs = Some(factor),
                        _ => return None,
                    }
                }
                match logs {
                    None => term.log_amplitude.add(param, scale),
                    Some(sum) => logarithms(graph, sum, scale, param, term, budget)?,
                }
            }
        }
    }
    Some(())
}

/// Takes in scale * parameter * (sum of logarithms of columns and numbers).
fn logarithms(
    graph: &Graph,
    sum: Id,
    scale: f64,
    param: Option<usize>,
    term: &mut PowerTerm,
    budget: &mut usize,
) -> Option<()> {
    let mut stack = vec![(sum, scale)];
    while let Some((id, scale)) = stack.pop() {
        *budget = budget.checked_sub(1)?;
        match graph.op(id) {
            Op::Two(Binary::Add, a, b) => stack.extend([(b, scale), (a, scale)]),
            Op::Two(Binary::Sub, a, b) => stack.extend([(b, -scale), (a, scale)]),
            Op::One(Unary::Neg, a) => stack.push((a, -scale)),
            Op::Two(Binary::Mul, a, b) => match (graph.number(a), graph.number(b)) {
                (Some(x), _) => stack.push((b, x * scale)),
                (_, Some(x)) => stack.push((a, x * scale)),
                _ => return None,
            },
            Op::Constant(bits) => term.log_amplitude.add(param, scale * f64::from_bits(bits)),
            Op::One(Unary::Ln, a) => {
                let Op::Column(c) = graph.op(a) else {
                    return None;
                };
                raise(&mut term.exponents, c as usize, param, scale);
            }
            _ => return None,
        }
    }
    Some(())
}
