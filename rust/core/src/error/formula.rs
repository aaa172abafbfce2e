//! Everything that can be wrong with the text of a formula.

/// What is wrong with a formula.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FormulaProblem {
    /// Nothing but white space.
    #[error("the formula is empty")]
    Empty,
    /// The text is longer than the limit.
    #[error("the formula has {bytes} bytes, more than the limit of {limit}")]
    TooLong {
        /// Length of the text.
        bytes: usize,
        /// The legal maximum.
        limit: usize,
    },
    /// Parentheses, calls, signs and powers nested more deeply than the limit.
    #[error("the formula is nested more than {limit} levels deep")]
    TooDeep {
        /// The legal maximum.
        limit: usize,
    },
    /// More numbers, names and operations than the limit.
    #[error("the formula has more than {limit} numbers, names and operations")]
    TooManyNodes {
        /// The legal maximum.
        limit: usize,
    },
    /// A character the grammar has no use for.
    #[error("unexpected character {character:?}{}", hint_clause(*.hint))]
    UnexpectedCharacter {
        /// The character.
        character: char,
        /// What was probably meant, in words.
        hint: Option<&'static str>,
    },
    /// A number that cannot be read.
    #[error("malformed number `{text}`{}", hint_clause(*.hint))]
    MalformedNumber {
        /// The characters read as one number.
        text: String,
        /// What was probably meant, in words.
        hint: Option<&'static str>,
    },
    /// An operator, a comma or a parenthesis where a number or a name must stand.
    #[error("a number or a name is missing {}", before_clause(.before.as_deref()))]
    MissingOperand {
        /// What stands in its place; `None` at the end of the formula.
        before: Option<String>,
    },
    /// Two operands side by side.
    #[error("an operator is missing before `{before}`; products are written with `*`")]
    MissingOperator {
        /// The second operand.
        before: String,
    },
    /// `(` without `)`.
    #[error("this `(` is never closed")]
    NotClosed,
    /// `)` without `(`.
    #[error("this `)` closes nothing")]
    NotOpened,
    /// `,` outside the arguments of a function.
    #[error("a comma may only separate the arguments of a function")]
    StrayComma,
    /// A word of Python's that is not an operator here.
    #[error(
        "`{name}` is a Python keyword and cannot be a name; a formula has only arithmetic, functions and `where(condition, a, b)`"
    )]
    Keyword {
        /// The word.
        name: String,
    },
    /// A call of something that is not a function.
    #[error("unknown function `{name}`{}", nearest_clause(*.nearest))]
    UnknownFunction {
        /// The name called.
        name: String,
        /// The known function spelt most like it.
        nearest: Option<&'static str>,
    },
    /// A function's name without arguments.
    #[error(
        "`{name}` is a function and needs its arguments in parentheses; it cannot be the name of a column or parameter"
    )]
    FunctionAsName {
        /// The function.
        name: String,
    },
    /// A function with too few or too many arguments.
    #[error("`{name}` takes {expected} argument{}, got {got}", if *.expected == 1 { "" } else { "s" })]
    ArgumentCount {
        /// The function.
        name: String,
        /// How many it takes.
        expected: usize,
        /// How many were written.
        got: usize,
    },
    /// A comparison anywhere but as the first argument of `where`.
    #[error("the comparison `{operator}` may only be the first argument of `where(condition, a, b)`")]
    ComparisonOutsideWhere {
        /// The operator.
        operator: &'static str,
    },
    /// `a < b < c`.
    #[error("comparisons cannot be chained; nest two `where` instead")]
    ChainedComparison,
    /// `where` whose first argument compares nothing.
    #[error("the first argument of `where` must be a comparison such as `x > 1`")]
    MissingComparison,
    /// A constant part that overflows or has no value.
    #[error("the constant `{text}` is {value}, not a finite number")]
    NotFinite {
        /// The constant part as written, shortened when long.
        text: String,
        /// Its value: an infinity or NaN.
        value: f64,
    },
    /// The left of `~` is neither a column nor an invertible function of one.
    #[error("the left side of `~` must be a column or one of {legal} of a column")]
    TargetForm {
        /// The functions that can be undone.
        legal: &'static str,
    },
    /// The function on the left of `~` cannot be undone.
    #[error("predictions cannot be brought back through `{name}`; the left side of `~` may use {legal}")]
    TransformNotInvertible {
        /// The function.
        name: String,
        /// The functions that can be undone.
        legal: &'static str,
    },
    /// `~` more than once.
    #[error("a formula has at most one `~`")]
    SecondTilde,
    /// The target among the inputs.
    #[error("the target `{column}` stands on the right side too")]
    TargetOnRight {
        /// Name of the target column.
        column: String,
    },
    /// A law without an input (checked where a law is needed; derived quantities have none).
    #[error("the formula uses no column")]
    NoColumn,
    /// A law with nothing to fit (checked where a law is needed).
    #[error("the formula has no parameter: every name in it is a column")]
    NoParameter,
}

fn hint_clause(hint: Option<&'static str>) -> String {
    hint.map_or_else(String::new, |h| format!(": {h}"))
}

fn nearest_clause(nearest: Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |n| format!("; did you mean `{n}`?"))
}

fn before_clause(before: Option<&str>) -> String {
    before.map_or_else(|| "at the end".into(), |b| format!("before `{b}`"))
}
