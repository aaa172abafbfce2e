//! What a solver may know of a fit: a value, a quadratic model, and the rows behind it.

/// A function of free coordinates that is a weighted sum of losses of residuals.
pub trait Objective {
    /// Number of free coordinates.
    fn dimension(&self) -> usize;

    /// The objective at `x`; infinite where it is undefined.
    fn value(&mut self, x: &[f64]) -> f64;

    /// Fill `model` at `x` and return the objective; infinite (and `model` unusable) where it is undefined.
    fn model(&mut self, x: &[f64], model: &mut Model) -> f64;

    /// Number of rows with weight.
    fn row_count(&self) -> usize;

    /// Residuals and their Jacobian at `x`; false where they are undefined.
    fn rows(&mut self, x: &[f64], rows: &mut Rows) -> bool;

    /// Gradient at `x` of the sum of `slopes[i] * residual_i`, slopes held fixed; false where it is undefined.
    fn pull_back(&mut self, x: &[f64], slopes: &[f64], gradient: &mut [f64]) -> bool;

    /// Lower end of the box.
    fn lower(&self) -> &[f64];

    /// Upper end of the box.
    fn upper(&self) -> &[f64];
}

/// The quadratic model of an objective at one point; matrices are full, row-major, symmetric.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// The objective.
    pub value: f64,
    /// J' W psi.
    pub gradient: Vec<f64>,
    /// J' W max(psi', 0) J: the semismooth curvature without second derivatives of the law.
    pub hessian: Vec<f64>,
    /// Sum of w psi times the second derivatives of the residuals, where `has_second`.
    pub second: Vec<f64>,
    /// Whether the objective had those at hand.
    pub has_second: bool,
    /// Diagonal of J' W (psi/r) J: the metric of the damping, never zero where a residual still pulls.
    pub metric: Vec<f64>,
    /// Sum of w `J_j`^2, one per coordinate.
    pub column_squares: Vec<f64>,
    /// Sum of w psi^2.
    pub psi_squares: f64,
    /// Sum of w r^2.
    pub residual_squares: f64,
    /// Number of rows with weight that curve the objective.
    pub curved: usize,
}

impl Model {
    /// An empty model of `p` coordinates.
    pub fn new(p: usize) -> Self {
        Self {
            value: f64::INFINITY,
            gradient: vec![0.0; p],
            hessian: vec![0.0; p * p],
            second: vec![0.0; p * p],
            has_second: false,
            metric: vec![0.0; p],
            column_squares: vec![0.0; p],
            psi_squares: 0.0,
            residual_squares: 0.0,
            curved: 0,
        }
    }

    /// Set every sum to zero.
    pub fn clear(&mut self) {
        self.value = 0.0;
        self.psi_squares = 0.0;
        self.residual_squares = 0.0;
        self.curved = 0;
        self.has_second = false;
        for part in
            [&mut self.gradient, &mut self.hessian, &mut self.second, &mut self.metric, &mut self.column_squares]
        {
            part.fill(0.0);
        }
    }

    /// Add the sums of other rows.
    pub fn add(&mut self, other: &Self) {
        self.value += other.value;
        self.psi_squares += other.psi_squares;
        self.residual_squares += other.residual_squares;
        self.curved += other.curved;
        for (to, from) in [
            (&mut self.gradient, &other.gradient),
            (&mut self.hessian, &other.hessian),
            (&mut self.metric, &other.metric),
            (&mut self.column_squares, &other.column_squares),
        ] {
            for (to, from) in to.iter_mut().zip(from) {
                *to += from;
            }
        }
    }

    /// Multiply by the factor of the loss and fill the upper triangle from the lower one.
    pub fn finish(&mut self, factor: f64) {
        let p = self.gradient.len();
        if factor != 1.0 {
            self.value *= factor;
            self.psi_squares *= factor * factor;
            for part in [&mut self.gradient, &mut self.hessian, &mut self.second, &mut self.metric] {
                for v in part.iter_mut() {
                    *v *= factor;
                }
            }
        }
        for i in 0..p {
            for j in 0..i {
                self.hessian[j * p + i] = self.hessian[i * p + j];
                self.second[j * p + i] = self.second[i * p + j];
            }
        }
    }

    /// |`J_j`' psi| / (||`J_j`|| ||psi||): the cosine that a certificate wants at 1e-8; 0 where a factor vanishes.
    pub fn cosine(&self, j: usize) -> f64 {
        let scale = (self.column_squares[j] * self.psi_squares).sqrt();
        if scale > 0.0 { self.gradient[j].abs() / scale } else { 0.0 }
    }
}

/// Residuals, slopes and Jacobian of every row with weight.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// Weight of each row.
    pub weight: Vec<f64>,
    /// Residual of each row.
    pub residual: Vec<f64>,
    /// psi of each residual.
    pub psi: Vec<f64>,
    /// psi' of each residual.
    pub curvature: Vec<f64>,
    /// Column-major: `jacobian[j * n + i]`.
    pub jacobian: Vec<f64>,
}
