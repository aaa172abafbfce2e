//! Are the intervals those of scipy, to 1e-12, on the same replicates?
//!
//! `replicates.csv` and `jackknife.csv` are the least-squares fits of E + A x^-alpha to 20 rows, 499 pairs-bootstrap draws
//! (`numpy.random.default_rng(11).integers(0, 20, (499, 20))`) and 20 leave-one-out fits; ends by scipy 1.17 (percentile,
//! basic, `BCa`) and arch (normal, with n in the denominator).

use super::{Method, acceleration, interval, median_bias};
use crate::stats::covariance::standard_deviation;

const ESTIMATES: [f64; 3] = [1.4804484207486743, 7.98274335376086, 0.3976281224241318];

fn column(csv: &str, column: usize) -> Vec<f64> {
    csv.lines().skip(1).map(|line| line.split(',').nth(column).unwrap().parse().unwrap()).collect()
}

fn draws(index: usize) -> Vec<f64> {
    column(include_str!("replicates.csv"), index)
}

fn jackknife(index: usize) -> Vec<f64> {
    column(include_str!("jackknife.csv"), index)
}

#[track_caller]
fn same(got: (f64, f64), expected: (f64, f64)) {
    let error = ((got.0 - expected.0) / expected.0).abs().max(((got.1 - expected.1) / expected.1).abs());
    assert!(error <= 1e-12, "{got:?}, expected {expected:?}");
}

struct Row {
    level: f64,
    column: usize,
    acceleration: f64,
    bias: f64,
    percentile: (f64, f64),
    basic: (f64, f64),
    population_normal: (f64, f64),
    accelerated: (f64, f64),
}

const TABLE: [Row; 9] = [
    Row {
        level: 0.8,
        column: 0,
        acceleration: -0.026472583372400882,
        bias: 0.12338326650744524,
        percentile: (1.4507403441886528, 1.5057822748789549),
        basic: (1.4551145666183938, 1.5101564973086958),
        population_normal: (1.4507422852957386, 1.51015455620161),
        accelerated: (1.455867178687015, 1.5098366092727329),
    },
    Row {
        level: 0.8,
        column: 1,
        acceleration: -0.011554481489070135,
        bias: 0.027631683130322066,
        percentile: (7.532487191426272, 8.191319561406575),
        basic: (7.774167146115145, 8.432999516095448),
        population_normal: (7.576205465307045, 8.389281242214674),
        accelerated: (7.567687869605374, 8.198908896252558),
    },
    Row {
        level: 0.8,
        column: 2,
        acceleration: -0.020908112397604983,
        bias: 0.027631683130322066,
        percentile: (0.3790853394581302, 0.40974180935252374),
        basic: (0.3855144354957399, 0.4161709053901334),
        population_normal: (0.3798798435420155, 0.41537640130624814),
        accelerated: (0.3794937093343511, 0.40979088735252933),
    },
    Row {
        level: 0.9,
        column: 0,
        acceleration: -0.026472583372400882,
        bias: 0.12338326650744524,
        percentile: (1.4372067566021909, 1.5124273168085336),
        basic: (1.448469524688815, 1.5236900848951578),
        population_normal: (1.4423210086677496, 1.518575832829599),
        accelerated: (1.4443001696278748, 1.5183225839216579),
    },
    Row {
        level: 0.9,
        column: 1,
        acceleration: -0.011554481489070135,
        bias: 0.027631683130322066,
        percentile: (7.226155466943237, 8.238563492014249),
        basic: (7.726923215507471, 8.739331240578483),
        population_normal: (7.460957622858737, 8.504529084662984),
        accelerated: (7.267832714650615, 8.239307637927888),
    },
    Row {
        level: 0.9,
        column: 2,
        acceleration: -0.020908112397604983,
        bias: 0.027631683130322066,
        percentile: (0.36789365107853184, 0.41225613012527407),
        basic: (0.38300011472298956, 0.4273625937697318),
        population_normal: (0.3748484530949547, 0.42040779175330895),
        accelerated: (0.3676996603176683, 0.41224652415725915),
    },
    Row {
        level: 0.95,
        column: 0,
        acceleration: -0.026472583372400882,
        bias: 0.12338326650744524,
        percentile: (1.4243073889420712, 1.521251813580645),
        basic: (1.4396450279167037, 1.5365894525552775),
        population_normal: (1.4350168070914584, 1.5258800344058903),
        accelerated: (1.4321310035747272, 1.526582547206079),
    },
    Row {
        level: 0.95,
        column: 1,
        acceleration: -0.011554481489070135,
        bias: 0.027631683130322066,
        percentile: (6.909664079392228, 8.292261714107573),
        basic: (7.673224993414147, 9.05582262812949),
        population_normal: (7.360997306904107, 8.604489400617613),
        accelerated: (6.910921098674032, 8.295882191488017),
    },
    Row {
        level: 0.95,
        column: 2,
        acceleration: -0.020908112397604983,
        bias: 0.027631683130322066,
        percentile: (0.35730203938121924, 0.4161727434839398),
        basic: (0.37908350136432384, 0.4379542054670444),
        population_normal: (0.3704844722334051, 0.42477177261485854),
        accelerated: (0.35708906415009906, 0.41562865338327354),
    },
];

#[test]
fn ends_are_those_of_scipy_on_the_same_replicates() {
    for row in TABLE {
        let (draws, estimate) = (draws(row.column), ESTIMATES[row.column]);
        let ends = |method| interval(method, row.level, estimate, &draws);
        same(ends(Method::Percentile), row.percentile);
        same(ends(Method::Basic), row.basic);
        let widening = (499.0_f64 / 498.0).sqrt();
        let wider = |end: f64| estimate + widening * (end - estimate);
        same(ends(Method::Normal), (wider(row.population_normal.0), wider(row.population_normal.1)));
        let skew = acceleration(&jackknife(row.column));
        assert!((skew - row.acceleration).abs() <= 1e-12 * skew.abs());
        assert!((median_bias(estimate, &draws) - row.bias).abs() <= 1e-14);
        same(ends(Method::Accelerated { acceleration: skew }), row.accelerated);
    }
}

const TIED: [f64; 60] = [
    1.2, 0.7, 1.8, 2.4, 3.1, 2.1, 1.4, 1.2, 2.7, 3.6, 2.3, 0.8, 1.0, 3.6, 2.2, 0.3, 1.9, 0.8, 1.4, 1.5, 1.3, 2.6, 1.9,
    1.4, 2.4, 2.8, 0.4, 1.7, 1.0, 1.8, 0.7, 2.0, 2.0, 1.7, 1.0, 1.6, 0.9, 0.6, 2.2, 0.9, 3.2, 2.7, 0.0, 2.3, 0.9, 2.0,
    2.0, 0.0, 1.8, 1.7, 3.0, 0.8, 2.7, 0.9, 1.7, 1.2, 3.4, 2.6, 4.4, 2.6,
];
const ERRORS: [f64; 60] = [
    1.18, 0.96, 0.72, 1.14, 0.61, 1.19, 1.14, 0.88, 1.3, 0.69, 0.89, 1.3, 0.88, 1.21, 1.11, 1.44, 1.49, 1.22, 1.31,
    0.65, 1.21, 1.35, 0.9, 1.05, 0.98, 1.46, 0.82, 0.9, 0.5, 0.92, 1.13, 1.43, 1.42, 0.83, 1.49, 0.69, 1.32, 0.66,
    0.91, 0.57, 1.36, 1.33, 0.64, 1.03, 0.76, 0.99, 1.05, 0.61, 1.36, 0.78, 0.95, 0.56, 0.5, 0.7, 0.84, 1.43, 1.39,
    0.98, 0.95, 1.17,
];

// numpy 2.4, scipy 1.17, d = TIED, e = ERRORS: z0 = norm.ppf(((d < 2).sum() + (d <= 2).sum()) / 120)
// np.quantile(d, norm.cdf(2 * z0 + np.array([-1, 1]) * norm.ppf(.95)))
// lo, hi = np.quantile((d - 2) / e, [.05, .95]); (2 - hi * .8, 2 - lo * .8)
#[test]
fn ties_count_half_in_the_bias_and_pivots_are_reflected() {
    same(interval(Method::BiasCorrected, 0.9, 2.0, &TIED), (0.8, 3.805289710601011));
    let studentized = Method::Studentized { standard_error: 0.8, draw_standard_errors: &ERRORS };
    same(interval(studentized, 0.9, 2.0, &TIED), (0.863868852459017, 3.6978354978354977));
}

#[test]
fn no_acceleration_is_the_bias_corrected_interval() {
    let draws = draws(1);
    let none = Method::Accelerated { acceleration: 0.0 };
    let corrected = interval(Method::BiasCorrected, 0.9, ESTIMATES[1], &draws);
    assert_eq!(interval(none, 0.9, ESTIMATES[1], &draws), corrected);
}

#[test]
fn symmetric_draws_about_the_estimate_give_symmetric_intervals() {
    let draws: Vec<f64> = (-50..=50).map(|i| f64::from(i).powi(3)).collect();
    for method in [Method::Percentile, Method::Basic, Method::Normal, Method::BiasCorrected] {
        let (lower, upper) = interval(method, 0.9, 0.0, &draws);
        assert!((lower + upper).abs() <= 1e-9 * upper && lower < upper, "{method:?}: {lower} {upper}");
    }
    let half = 1.644_853_626_951_472_7 * standard_deviation(&draws);
    same(interval(Method::Normal, 0.9, 0.0, &draws), (-half, half));
}

#[test]
fn order_of_the_draws_does_not_matter() {
    let forward = draws(0);
    let backward: Vec<f64> = forward.iter().rev().copied().collect();
    for method in [Method::Percentile, Method::Basic, Method::BiasCorrected] {
        let ends = |draws: &[f64]| interval(method, 0.95, ESTIMATES[0], draws);
        assert_eq!(ends(&forward), ends(&backward));
    }
}

#[test]
fn questions_without_an_answer_give_nan() {
    let is_nan = |ends: (f64, f64)| ends.0.is_nan() && ends.1.is_nan();
    assert!(is_nan(interval(Method::Percentile, 0.9, 1.0, &[])));
    assert!(is_nan(interval(Method::Percentile, 0.9, 1.0, &[1.0, f64::NAN])));
    for level in [0.0, 1.0, -0.5, f64::NAN] {
        assert!(is_nan(interval(Method::Basic, level, 1.0, &[1.0, 2.0])));
    }
    assert!(is_nan(interval(Method::Normal, 0.9, 1.0, &[1.0])));
    assert!(is_nan(interval(Method::BiasCorrected, 0.9, 0.0, &[1.0, 2.0])));
    assert!(is_nan(interval(Method::Accelerated { acceleration: f64::NAN }, 0.9, 1.5, &[1.0, 2.0])));
    let short = Method::Studentized { standard_error: 1.0, draw_standard_errors: &[1.0] };
    assert!(is_nan(interval(short, 0.9, 1.5, &[1.0, 2.0])));
    assert_eq!(interval(Method::BiasCorrected, 0.9, 1.0, &[1.0, 1.0]), (1.0, 1.0));
    assert!(acceleration(&[2.0, 2.0, 2.0]).is_nan());
}
