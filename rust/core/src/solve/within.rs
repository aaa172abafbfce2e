//! An objective within a narrower box: for steps that must not leave a gap, and for a coordinate that is held.

use super::objective::{Model, Objective, Rows};
use super::separable::Separable;

/// An objective whose box is narrower in one coordinate, down to a single value.
#[derive(Debug)]
pub struct Within<'a, O> {
    inner: &'a mut O,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl<'a, O: Separable> Within<'a, O> {
    /// The objective with `coordinate` between `ends`.
    pub fn new(inner: &'a mut O, coordinate: usize, ends: (f64, f64)) -> Self {
        let (mut lower, mut upper) = (inner.lower().to_vec(), inner.upper().to_vec());
        lower[coordinate] = lower[coordinate].max(ends.0);
        upper[coordinate] = upper[coordinate].min(ends.1);
        Self { inner, lower, upper }
    }
}

impl<O: Objective> Objective for Within<'_, O> {
    fn dimension(&self) -> usize {
        self.inner.dimension()
    }

    fn value(&mut self, x: &[f64]) -> f64 {
        self.inner.value(x)
    }

    fn model(&mut self, x: &[f64], model: &mut Model) -> f64 {
        self.inner.model(x, model)
    }

    fn row_count(&self) -> usize {
        self.inner.row_count()
    }

    fn rows(&mut self, x: &[f64], rows: &mut Rows) -> bool {
        self.inner.rows(x, rows)
    }

    fn pull_back(&mut self, x: &[f64], slopes: &[f64], gradient: &mut [f64]) -> bool {
        self.inner.pull_back(x, slopes, gradient)
    }

    fn lower(&self) -> &[f64] {
        &self.lower
    }

    fn upper(&self) -> &[f64] {
        &self.upper
    }
}

impl<O: Separable> Separable for Within<'_, O> {
    fn nonlinear(&self) -> &[usize] {
        self.inner.nonlinear()
    }

    fn project(&mut self, x: &mut [f64]) -> bool {
        self.inner.project(x)
    }

    fn project_plainly(&mut self, x: &mut [f64]) -> bool {
        self.inner.project_plainly(x)
    }

    fn project_part(&mut self, x: &mut [f64], number: usize) -> bool {
        self.inner.project_part(x, number)
    }

    fn has_many_basins(&self) -> bool {
        self.inner.has_many_basins()
    }

    fn is_periodic(&self) -> bool {
        self.inner.is_periodic()
    }

    fn has_bound(&self, coordinate: usize, above: bool) -> bool {
        self.inner.has_bound(coordinate, above)
    }

    fn soften(&mut self, width: Option<f64>) {
        self.inner.soften(width);
    }

    fn sharpen(&mut self, on: bool) {
        self.inner.sharpen(on);
    }

    fn settle(&mut self, x: &[f64]) {
        self.inner.settle(x);
    }

    fn width(&self) -> f64 {
        self.inner.width()
    }

    fn has_scale(&self) -> bool {
        self.inner.has_scale()
    }

    fn least_starts(&self) -> usize {
        self.inner.least_starts()
    }

    fn straight(&self) -> Option<f64> {
        self.inner.straight()
    }

    fn kink(&self) -> Option<(f64, f64)> {
        self.inner.kink()
    }

    fn spread(&mut self, x: &[f64]) -> Option<(f64, f64)> {
        self.inner.spread(x)
    }
}
