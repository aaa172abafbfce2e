//! How large the constants are that stand beside each parameter.

use super::lower::Meaning;
use super::tree::{Function, Node, Tree};
use crate::simd::math;
use crate::tape::Unary;

/// For each parameter the logarithm of its natural size, as that of 1.6e-16 for sigma in exp(-x*sigma/1.6e-16): the farthest
/// from 1 of all places where it stands.
///
/// What a function takes, and what a formula or a sum amounts to, is thought to be near 1, and so is every column.
pub(super) fn beside(tree: &Tree, meanings: &[Meaning], params: usize) -> Vec<f64> {
    let sizes = sizes(tree);
    let known = known(tree, meanings);
    // The logarithm of what each node is thought to amount to: known of a node before its children.
    let mut wanted = vec![0.0_f64; tree.nodes.len()];
    let mut beside = vec![0.0_f64; params];
    for (id, node) in tree.nodes.iter().enumerate().rev() {
        let here = wanted[id];
        let size = |a: u32| sizes[a as usize];
        match *node {
            Node::Name(name) => {
                if let Meaning::Param(p) = meanings[name as usize] {
                    let most = &mut beside[p as usize];
                    *most = if here.abs() > most.abs() { here } else { *most };
                }
            }
            Node::Neg(a) | Node::Call(Function::One(Unary::Abs), a) => wanted[a as usize] = here,
            Node::Add(a, b) | Node::Sub(a, b) => {
                // A term is seen beside what does not depend on parameters when it is about as large.
                wanted[a as usize] = if known[b as usize] { size(b) } else { here };
                wanted[b as usize] = if known[a as usize] { size(a) } else { here };
            }
            Node::Mul(a, b) => {
                wanted[a as usize] = here - size(b);
                wanted[b as usize] = here - size(a);
            }
            Node::Div(a, b) => {
                wanted[a as usize] = here + size(b);
                wanted[b as usize] = size(a) - here;
            }
            Node::Pow(a, b) => {
                if let Node::Number(exponent) = tree.nodes[b as usize]
                    && exponent != 0.0
                {
                    wanted[a as usize] = here / exponent;
                }
            }
            Node::Call2(Function::Two(_), a, b) | Node::Where(_, [_, _, a, b]) => {
                wanted[a as usize] = here;
                wanted[b as usize] = here;
            }
            Node::Number(_) | Node::Pi | Node::Call(..) | Node::Call2(..) => {}
        }
    }
    beside
}

/// Whether each node is without parameters.
fn known(tree: &Tree, meanings: &[Meaning]) -> Vec<bool> {
    let mut known: Vec<bool> = Vec::with_capacity(tree.nodes.len());
    for node in &tree.nodes {
        let of = |a: u32| known[a as usize];
        known.push(match *node {
            Node::Number(_) | Node::Pi => true,
            Node::Name(name) => matches!(meanings[name as usize], Meaning::Column(_)),
            Node::Neg(a) | Node::Call(_, a) => of(a),
            Node::Add(a, b)
            | Node::Sub(a, b)
            | Node::Mul(a, b)
            | Node::Div(a, b)
            | Node::Pow(a, b)
            | Node::Call2(_, a, b) => of(a) && of(b),
            Node::Where(_, parts) => parts.into_iter().all(of),
        });
    }
    known
}

/// The logarithm of the size of each node, were all names near 1.
fn sizes(tree: &Tree) -> Vec<f64> {
    let mut sizes: Vec<f64> = Vec::with_capacity(tree.nodes.len());
    for node in &tree.nodes {
        let of = |a: u32| sizes[a as usize];
        let size = match *node {
            Node::Number(value) if value != 0.0 => math::ln(value.abs()),
            Node::Neg(a) | Node::Call(Function::One(Unary::Abs), a) => of(a),
            Node::Add(a, b) | Node::Sub(a, b) => of(a).max(of(b)),
            Node::Mul(a, b) => of(a) + of(b),
            Node::Div(a, b) => of(a) - of(b),
            Node::Pow(a, b) => match tree.nodes[b as usize] {
                Node::Number(exponent) => exponent * of(a),
                _ => 0.0,
            },
            Node::Call(Function::One(Unary::Sqrt), a) => of(a) / 2.0,
            _ => 0.0,
        };
        sizes.push(if size.is_finite() { size } else { 0.0 });
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::super::Program;

    #[test]
    fn the_constants_beside_a_parameter_say_how_large_it_is() {
        for (formula, expected) in [
            ("a + b*exp(-x*k/1e-16)", [0.0, 0.0, -16.0]),
            ("a + b*exp(-x/(1e9*k))", [0.0, 0.0, -9.0]),
            ("a/(1 + (x/(1e6*k))**b)", [0.0, -6.0, 0.0]),
            ("a + arctan(1e5*k*x - b)", [0.0, -5.0, 0.0]),
            ("a*exp(1e-9*(x*k - b))", [0.0, 9.0, 9.0]),
            ("a*x**(b*1e4) + sqrt(1e-8*k)", [0.0, -4.0, 8.0]),
            ("where(x < 1e12*k, a, b*1e3)", [-12.0, 0.0, -3.0]),
            ("a + b*1e20*k*x/(1 + 1e20*k*x)", [0.0, 0.0, -20.0]),
            ("a + exp(-((x - 1e-9*b)/(1e-9*k))**2)", [0.0, 9.0, 9.0]),
            ("a + b*(x - 1e9)*k", [0.0, -9.0, -9.0]),
        ] {
            let program = Program::compile(formula, &["x".into()]).expect("a formula");
            for (j, (got, expected)) in program.beside().iter().zip(expected).enumerate() {
                let got = got / std::f64::consts::LN_10;
                assert!((got - expected).abs() < 1e-9, "{formula}: {} {got} {expected}", program.params()[j]);
            }
        }
    }
}
