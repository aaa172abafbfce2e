//! Does every loss keep its promises: slopes, weights, values of others, units?

use super::{LARGEST_WEIGHT, Loss};
use crate::Error;

fn all(size: f64) -> [Loss; 9] {
    [
        Loss::Squared,
        Loss::Huber { delta: size },
        Loss::Absolute,
        Loss::SoftL1 { delta: size },
        Loss::Cauchy { delta: size },
        Loss::Tukey { c: size },
        Loss::LogCosh { scale: size },
        Loss::Pinball { tau: 0.2 },
        Loss::Pinball { tau: 0.9 },
    ]
}

const MULTIPLES: [f64; 11] = [1e-6, 0.01, 0.3, 0.7, 0.99, 1.01, 1.5, 2.5, 7.0, 30.0, 1000.0];

#[test]
fn psi_is_the_slope_of_rho_and_curvature_that_of_psi() {
    for size in [1.0, 1e-3] {
        for loss in all(size) {
            for multiple in MULTIPLES.into_iter().flat_map(|m| [m, -m]) {
                let r = multiple * size;
                let h = 1e-5 * r.abs();
                let slope = |f: &dyn Fn(f64) -> f64| (f(r + h) - f(r - h)) / (2.0 * h);
                let psi = loss.psi(r);
                let rounding = 1e-9 * loss.rho(r) / r.abs();
                let error = (slope(&|r| loss.rho(r)) - psi).abs();
                assert!(error <= 1e-8 * psi.abs() + rounding, "{loss:?} at {r}: {error:e}");
                let curvature = loss.curvature(r);
                let error = (slope(&|r| loss.psi(r)) - curvature).abs();
                assert!(error <= 1e-7 * curvature.abs() + 1e-9, "{loss:?} at {r}: {error:e}");
            }
        }
    }
}

#[test]
fn weight_is_psi_over_r_with_its_limit_at_zero() {
    for loss in all(0.25) {
        for multiple in MULTIPLES.into_iter().flat_map(|m| [m, -m]) {
            let r = multiple * 0.25;
            let expected = loss.psi(r) / r;
            assert!((loss.weight(r) - expected).abs() <= 1e-15 * expected, "{loss:?} at {r}");
        }
        assert_eq!(loss.rho(0.0), 0.0);
        assert_eq!(loss.psi(0.0), 0.0);
        let limit = if loss.is_smooth() { 1.0 } else { LARGEST_WEIGHT };
        assert_eq!((loss.weight(0.0), loss.weight(-0.0)), (limit, limit));
        assert!(loss.weight(1e-300) == limit && loss.weight(-1e-300) == limit);
        assert_eq!(loss.curvature(0.0), if loss.is_smooth() { 1.0 } else { 0.0 });
    }
}

// scipy 1.17: r = np.array([-3, -.5, .2, 1.1, 40]);
// [least_squares(lambda x: np.array([v]) + 0*x, [0.], loss=l, f_scale=.7, max_nfev=1).cost for v in r]
#[test]
fn values_are_those_of_scipy() {
    let residuals = [-3.0, -0.5, 0.2, 1.1, 40.0];
    let table = [
        (Loss::Huber { delta: 0.7 }, [1.8549999999999998, 0.12499999999999999, 0.020000000000000004, 0.525, 27.755]),
        (
            Loss::SoftL1 { delta: 0.7 },
            [1.6664090521049104, 0.11216276869298385, 0.019607692249636294, 0.4226883367283709, 27.514287171788535],
        ),
        (
            Loss::Cauchy { delta: 0.7 },
            [0.7260791826223287, 0.10099997479791806, 0.01922554578316633, 0.30477464404021065, 1.9823966748089923],
        ),
    ];
    for (loss, expected) in table {
        for (r, expected) in residuals.into_iter().zip(expected) {
            assert!((loss.rho(r) - expected).abs() <= 2e-15 * expected, "{loss:?} at {r}: {}", loss.rho(r));
        }
    }
}

// mpmath, 30 digits: s**2*log(cosh(r/s)), c**2/6*(1-(1-(r/c)**2)**3)
#[test]
fn small_residuals_lose_no_digits() {
    let table = [
        (Loss::LogCosh { scale: 1.0 }, 1e-08, 5e-17),
        (Loss::LogCosh { scale: 1.0 }, 0.001, 4.999999166666889e-07),
        (Loss::LogCosh { scale: 0.5 }, 0.4, 0.07268839008209839),
        (Loss::LogCosh { scale: 0.5 }, 0.6, 0.1484222428985011),
        (Loss::LogCosh { scale: 0.001 }, 0.2, 0.00019930685281944007),
        (Loss::Tukey { c: 1.0 }, 1e-08, 5e-17),
        (Loss::Tukey { c: 4.685 }, 0.001, 4.999999772201528e-07),
        (Loss::Tukey { c: 0.5 }, 0.4, 0.03972266666666667),
    ];
    for (loss, r, expected) in table {
        assert!((loss.rho(r) - expected).abs() <= 1e-15 * expected, "{loss:?} at {r}: {:e}", loss.rho(r));
    }
}

#[test]
fn pinball_at_level_tau_is_minimised_by_the_quantile() {
    let observed: Vec<f64> = (0..100).map(|i| f64::from(i * i % 101)).collect();
    let mut sorted = observed.clone();
    sorted.sort_by(f64::total_cmp);
    for tau in [0.105, 0.505, 0.895] {
        let cost = |fitted: f64| -> f64 { observed.iter().map(|y| Loss::Pinball { tau }.rho(fitted - y)).sum() };
        let quantile = sorted[(tau * 100.0) as usize];
        for other in sorted.iter().filter(|v| **v != quantile) {
            assert!(cost(quantile) < cost(*other), "{tau}: {quantile} {other}");
        }
    }
}

#[test]
fn kinks_are_those_of_the_slopes_on_both_sides() {
    for loss in all(1.0) {
        match loss.kink() {
            Some((below, above)) => assert_eq!((loss.psi(-1e-9), loss.psi(1e-9)), (below, above)),
            None => assert!((loss.psi(1e-9) - loss.psi(-1e-9)).abs() < 1e-8),
        }
    }
    assert!(Loss::Huber { delta: 1.0 }.kink().is_none());
}

#[test]
fn huge_residuals_stay_finite_and_nan_stays_nan() {
    for size in [1.0, 1e-3] {
        for loss in all(size) {
            for r in [1e300, -1e300, 1e160] {
                let point = (loss.psi(r), loss.weight(r), loss.curvature(r));
                assert!(loss == Loss::Squared || loss.rho(r).is_finite(), "{loss:?}");
                assert!(point.0.is_finite() && point.1.is_finite() && point.2.is_finite(), "{loss:?} {point:?}");
            }
            assert!(loss.rho(f64::NAN).is_nan() && loss.psi(f64::NAN).is_nan(), "{loss:?}");
        }
    }
    let cauchy = Loss::Cauchy { delta: 1.0 };
    assert!((cauchy.rho(1e300) - 300.0 * std::f64::consts::LN_10).abs() < 1e-12);
    assert_eq!(cauchy.psi(1e200), 1e-200);
}

#[test]
fn convex_losses_never_curve_down_and_the_others_do() {
    for loss in all(1.0) {
        let lowest = (-500..=500).map(|i| loss.curvature(f64::from(i) * 0.01)).fold(f64::INFINITY, f64::min);
        assert_eq!(loss.is_convex(), lowest >= 0.0, "{loss:?}");
    }
}

#[test]
fn residuals_in_other_units_cost_the_same() {
    for loss in all(0.3) {
        for factor in [1e-3, 0.7, 250.0, -2.0] {
            let (scaled, m) = loss.scaled(factor);
            for r in [-4.0, -0.31, -1e-3, 0.0, 0.2, 0.45, 9.0] {
                let (left, right) = (loss.rho(factor * r), m * scaled.rho(r));
                assert!((left - right).abs() <= 2e-15 * left.abs(), "{loss:?} {factor} {r}: {left} {right}");
            }
        }
    }
}

#[test]
fn slices_give_the_bits_of_single_residuals_for_every_length() {
    let r: Vec<f64> = (0..45).map(|i| (f64::from(i) - 20.0) * 0.137).collect();
    for loss in all(1.0) {
        for n in [0, 1, 7, 8, 9, 45] {
            let (mut rho, mut psi, mut curvature) = (vec![9.0; n], vec![9.0; n], vec![9.0; n]);
            loss.evaluate(&r[..n], &mut rho, &mut psi, &mut curvature);
            for i in 0..n {
                let expected = [loss.rho(r[i]), loss.psi(r[i]), loss.curvature(r[i])];
                assert_eq!([rho[i], psi[i], curvature[i]].map(f64::to_bits), expected.map(f64::to_bits));
            }
        }
    }
}

#[test]
fn illegal_constants_are_refused_with_the_legal_range() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        for loss in [Loss::Huber { delta: bad }, Loss::Tukey { c: bad }, Loss::LogCosh { scale: bad }] {
            assert!(loss.validate().is_err());
        }
    }
    let error = Loss::Huber { delta: -1.0 }.validate().unwrap_err();
    assert_eq!(error.to_string(), "delta must be positive and finite, got -1");
    for tau in [0.0, 1.0, f64::NAN] {
        assert!(matches!(Loss::Pinball { tau }.validate(), Err(Error::Parameter { .. })));
    }
    assert!(all(1e-3).into_iter().all(|loss| loss.validate() == Ok(loss)));
}

#[test]
fn a_ramp_is_continuous_keeps_units_and_refuses_illegal_constants() {
    let ramp = Loss::Ramp { below: 0.3, above: 0.7, width: 0.01 };
    assert_eq!(ramp.validate(), Ok(ramp));
    assert!((ramp.is_smooth(), ramp.is_convex()) == (true, true) && ramp.weight(0.0) == 100.0);
    for border in [-0.003, 0.007] {
        for shape in [Loss::rho, Loss::psi] {
            let (left, right) = (shape(ramp, border - 1e-12), shape(ramp, border + 1e-12));
            assert!((left - right).abs() < 1e-9, "{border}");
        }
    }
    for factor in [0.01, -3.0] {
        let (scaled, m) = ramp.scaled(factor);
        for r in [-2.0, -1e-3, 0.0, 1e-3, 5.0] {
            let (left, right) = (ramp.rho(factor * r), m * scaled.rho(r));
            assert!((left - right).abs() <= 2e-15 * left, "{factor} {r}");
            assert!((ramp.weight(r) * r - ramp.psi(r)).abs() <= 1e-15);
        }
    }
    for bad in [0.0, f64::NAN, f64::INFINITY] {
        assert!(Loss::Ramp { below: 0.3, above: 0.7, width: bad }.validate().is_err());
        assert!(Loss::Ramp { below: bad, above: 0.7, width: 1.0 }.validate().is_err());
    }
}
