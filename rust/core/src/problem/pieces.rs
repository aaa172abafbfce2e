//! What the derivatives of a sum of powers are made of, and how one pass over the rows takes them where they are few.

use crate::expr::{BLOCK, LinearForm, PowerTerm};
use crate::simd::Aligned;

/// One summand of a derivative.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) term: usize,
    /// The logarithm it is multiplied by.
    pub(super) log: Option<usize>,
    /// Its coefficient.
    pub(super) coefficient: f64,
    /// Whether the term's factor multiplies it.
    pub(super) whole: bool,
}

/// The derivative by parameter `j`.
pub(super) fn pieces(terms: &[PowerTerm], j: usize) -> Vec<Piece> {
    let coefficient = |form: &LinearForm| form.coefficients.iter().find(|(p, _)| *p == j).map(|(_, c)| *c);
    let mut pieces = Vec::new();
    for (term, power) in terms.iter().enumerate() {
        if power.factor == Some(j) {
            pieces.push(Piece { term, log: None, coefficient: 1.0, whole: false });
        }
        if let Some(coefficient) = coefficient(&power.log_amplitude) {
            pieces.push(Piece { term, log: None, coefficient, whole: true });
        }
        for (column, exponent) in &power.exponents {
            if let Some(coefficient) = coefficient(exponent) {
                pieces.push(Piece { term, log: Some(*column), coefficient, whole: true });
            }
        }
    }
    pieces
}

/// Powers that are summed in registers.
const MOST_POWERS: usize = 2;

/// The law as this pass sees it.
#[derive(Debug)]
pub(super) struct Plan {
    /// Term and column of each power.
    pub(super) powers: Vec<(usize, usize)>,
    /// The term that is constant.
    pub(super) constant: Option<usize>,
    /// The column of each coordinate: 2k for power k, 2k + 1 for it times its logarithm, the last for the constant.
    pub(super) columns: Vec<usize>,
}

impl Plan {
    /// None where the law has another form.
    pub(super) fn of(terms: &[PowerTerm], pieces: &[Vec<Piece>]) -> Option<Self> {
        let (mut powers, mut constant) = (Vec::new(), None);
        for (number, term) in terms.iter().enumerate() {
            match &term.exponents[..] {
                [(column, _)] => powers.push((number, *column)),
                [] if constant.is_none() && term.log_amplitude.coefficients.is_empty() => constant = Some(number),
                _ => return None,
            }
        }
        if powers.is_empty() || powers.len() > MOST_POWERS {
            return None;
        }
        let column = |pieces: &Vec<Piece>| match &pieces[..] {
            [piece] => match powers.iter().position(|(term, _)| *term == piece.term) {
                Some(k) => Some(2 * k + usize::from(piece.log.is_some())),
                None => Some(2 * powers.len()),
            },
            _ => None,
        };
        let columns = pieces.iter().map(column).collect::<Option<Vec<usize>>>()?;
        Some(Self { powers, constant, columns })
    }

    /// Number of columns.
    pub(super) fn width(&self) -> usize {
        2 * self.powers.len() + usize::from(self.constant.is_some())
    }
}

/// Buffers of one block.
#[derive(Debug)]
pub(super) struct PassBuffers {
    /// The columns, interleaved vector by vector.
    pub(super) columns: Aligned,
    /// Changes of the law, then what its derivatives are multiplied by; w psi.
    pub(super) change: Aligned,
    pub(super) pull: Aligned,
    /// What products of columns are multiplied by in the curvature of the loss, and in that of the logarithm.
    pub(super) curved: Aligned,
    pub(super) pulled: Aligned,
}

impl PassBuffers {
    pub(super) fn new(width: usize) -> Self {
        let buffer = |width: usize| Aligned::zeros(width * BLOCK);
        Self { columns: buffer(width), change: buffer(1), pull: buffer(1), curved: buffer(1), pulled: buffer(1) }
    }
}
