//! A wider version of each loss, through which a solver comes down to the true one from far away.

use super::Loss;

impl Loss {
    /// Half-width of the quadratic zone: infinite for least squares, 0 for a kink.
    pub fn width(self) -> f64 {
        match self {
            Self::Squared => f64::INFINITY,
            Self::Absolute | Self::Pinball { .. } => 0.0,
            Self::Huber { delta } | Self::SoftL1 { delta } | Self::Cauchy { delta } => delta,
            Self::Tukey { c } => c,
            Self::LogCosh { scale } => scale,
            Self::Ramp { width, .. } => width,
        }
    }

    /// Slopes of the straight tails, below and above zero, of the losses that have them: there only the side of a residual
    /// matters, not its size.
    pub fn tails(self) -> Option<(f64, f64)> {
        match self {
            Self::Huber { delta } => Some((delta, delta)),
            Self::Absolute => Some((1.0, 1.0)),
            Self::Pinball { tau } => Some((tau, 1.0 - tau)),
            _ => None,
        }
    }

    /// Size of a residual beyond which the loss is straight; none where it never is.
    pub fn straight(self) -> Option<f64> {
        match self {
            Self::Absolute | Self::Pinball { .. } => Some(0.0),
            Self::Huber { delta } => Some(delta),
            Self::Tukey { c } => Some(c),
            Self::Squared | Self::SoftL1 { .. } | Self::Cauchy { .. } | Self::LogCosh { .. } | Self::Ramp { .. } => {
                None
            }
        }
    }

    /// A loss whose quadratic zone reaches at least `width`, and the factor that keeps its slopes far out those of `self`;
    /// the redescending losses are widened to Huber's, which has no false minima far out. None gives back `self`.
    pub fn softened(self, width: Option<f64>) -> (Self, f64) {
        let Some(width) = width.filter(|w| *w > self.width()) else { return (self, 1.0) };
        let factor = self.width() / width;
        match self {
            Self::Squared | Self::Ramp { .. } => (self, 1.0),
            Self::Absolute => (Self::Ramp { below: 1.0, above: 1.0, width }, 1.0),
            Self::Pinball { tau } => (Self::Ramp { below: tau, above: 1.0 - tau, width }, 1.0),
            Self::Huber { .. } => (Self::Huber { delta: width }, factor),
            Self::SoftL1 { .. } => (Self::SoftL1 { delta: width }, factor),
            Self::LogCosh { .. } => (Self::LogCosh { scale: width }, factor),
            Self::Cauchy { .. } | Self::Tukey { .. } => (Self::Huber { delta: width }, 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Loss;

    #[test]
    fn far_out_the_pull_of_a_softened_convex_loss_is_the_true_one() {
        for loss in [
            Loss::Huber { delta: 1e-3 },
            Loss::Absolute,
            Loss::Pinball { tau: 0.2 },
            Loss::SoftL1 { delta: 1e-3 },
            Loss::LogCosh { scale: 1e-3 },
        ] {
            let (soft, factor) = loss.softened(Some(0.5));
            for r in [-1e6, 1e6] {
                assert!((soft.psi(r) * factor / loss.psi(r) - 1.0).abs() < 1e-9, "{loss:?}");
            }
        }
    }

    #[test]
    fn a_narrower_wish_changes_nothing() {
        let loss = Loss::Huber { delta: 0.1 };
        assert_eq!(loss.softened(Some(0.01)), (loss, 1.0));
        assert_eq!(loss.softened(None), (loss, 1.0));
    }

    #[test]
    fn a_ramp_is_its_kink_outside_its_width() {
        let ramp = Loss::Ramp { below: 0.3, above: 0.7, width: 1e-3 };
        assert!((ramp.psi(-1.0) + 0.3).abs() < 1e-15);
        assert!((ramp.psi(1.0) - 0.7).abs() < 1e-15);
        let h = 1e-9;
        for r in [-1e-2_f64, -5e-4, 2e-4, 3e-2] {
            let slope = (ramp.rho(r + h) - ramp.rho(r - h)) / (2.0 * h);
            assert!((slope - ramp.psi(r)).abs() < 1e-6);
        }
    }
}
