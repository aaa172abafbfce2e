//! Does every function keep the bound its documentation states?
//!
//! The tables were made by mpmath 1.4 with 60 digits: `float(f(mpf(x)))`.

#![expect(clippy::approx_constant, reason = "tables of reference values, printed whole")]

use super::*;

const ERF_TABLE: &[(f64, f64)] = &[
    (1e-300, 1.1283791670955126e-300),
    (1e-09, 1.1283791670955127e-09),
    (0.01, 0.011283415555849618),
    (0.24, 0.265700058953792),
    (0.5, 0.5204998778130465),
    (0.84375, 0.7672256612323416),
    (0.99, 0.8385080695553698),
    (1.0, 0.8427007929497149),
    (1.01, 0.8468104962282768),
    (1.25, 0.9229001282564583),
    (2.0, 0.9953222650189527),
    (2.857, 0.9999466417399131),
    (3.5, 0.9999992569016276),
    (5.9, 0.9999999999999999),
    (6.5, 1.0),
];
const ERFC_TABLE: &[(f64, f64)] = &[
    (-7.0, 2.0),
    (-2.0, 1.9953222650189528),
    (-0.5, 1.5204998778130465),
    (-0.1, 1.1124629160182848),
    (1e-10, 0.999999999887162),
    (0.1, 0.887537083981715),
    (0.24, 0.734299941046208),
    (0.26, 0.7131002767842508),
    (0.3, 0.6713732405408726),
    (0.47, 0.5062549491139179),
    (0.5, 0.4795001221869535),
    (1.0, 0.15729920705028513),
    (1.5, 0.033894853524689274),
    (2.2, 0.0018628462979818898),
    (3.3, 3.0577097964381654e-06),
    (5.0, 1.537459794428035e-12),
    (7.7, 1.2942740067717136e-27),
    (10.0, 2.088487583762545e-45),
    (15.25, 3.6865151492308134e-103),
    (20.0, 5.395865611607901e-176),
    (25.5, 8.80166269072795e-285),
    (26.5, 2.2109076642637343e-307),
];
const ERFCX_TABLE: &[(f64, f64)] = &[
    (-5.0, 144009798674.66104),
    (-1.0, 5.008980080762283),
    (-0.1, 1.1236433541992095),
    (0.0, 1.0),
    (0.3, 0.7345993345676551),
    (1.0, 0.427583576155807),
    (2.5, 0.2108063640611436),
    (10.0, 0.05614099274382259),
    (77.0, 0.007326519698249677),
];
const LN_GAMMA_TABLE: &[(f64, f64)] = &[
    (1e-300, 690.7755278982137),
    (1e-10, 23.025850929882736),
    (0.1, 2.252712651734206),
    (0.5, 0.5723649429247001),
    (0.75, 0.20328095143129538),
    (0.99, 0.005854806764709781),
    (0.999999, 5.772164873855652e-07),
    (0.9999999999990905, 5.249745890089625e-13),
    (1.0000001, -5.772155829918507e-08),
    (1.3, -0.10817480950786047),
    (1.46, -0.12148500100400743),
    (1.5, -0.12078223763524522),
    (1.9, -0.03898427592308336),
    (1.9999999990686774, -3.9374859519130207e-10),
    (2.0000000009313226, 3.937485957506932e-10),
    (2.1, 0.04543773854448518),
    (2.5, 0.2846828704729192),
    (3.0, 0.6931471805599453),
    (3.7, 1.428072326665388),
    (5.0, 3.1780538303479458),
    (7.5, 7.534364236758733),
    (9.99, 12.779315214350193),
    (10.0, 12.801827480081469),
    (12.25, 18.115669505710894),
    (100.0, 359.1342053695754),
    (100000.0, 1051287.7089736569),
];
const DIGAMMA_TABLE: &[(f64, f64)] = &[
    (1e-10, -10000000000.577215),
    (0.001, -1000.5755719318103),
    (0.1, -10.423754940411076),
    (0.5, -1.9635100260214235),
    (1.0, -0.5772156649015329),
    (1.4, -0.06138454458511624),
    (1.5, 0.03648997397857652),
    (2.0, 0.42278433509846713),
    (3.3, 1.0348224890596216),
    (7.7, 1.9748820949131018),
    (10.0, 2.251752589066721),
    (55.5, 4.0073469585404435),
    (1000000.0, 13.815510057964191),
    (-0.5, 0.03648997397857652),
    (-1.25, 3.714139120213528),
    (-10.7, 0.13374481244706443),
];
const ATAN_TABLE: &[(f64, f64)] = &[
    (1e-300, 1e-300),
    (0.1, 0.09966865249116204),
    (0.41, 0.3890972310552784),
    (0.4143, 0.3927728585734652),
    (0.5, 0.4636476090008061),
    (0.9, 0.7328151017865066),
    (1.0, 0.7853981633974483),
    (1.1, 0.8329812666744317),
    (2.0, 1.1071487177940904),
    (2.4, 1.176005207095135),
    (2.5, 1.1902899496825317),
    (10.0, 1.4711276743037347),
    (1e+17, 1.5707963267948966),
];
const SIN_TABLE: &[(f64, f64)] = &[
    (-731271.5117751976, -0.15121130369093058),
    (694867.4738744653, -0.5530124173453411),
    (527549.237953228, 0.41976992500361165),
    (-489861.9485211566, 0.3057897411789712),
    (-9129.825816118042, -0.3499940820368101),
    (-101017.8704225237, -0.04134187045516407),
    (303185.9454455259, -0.26019633456722585),
    (577446.7022710263, 0.018606279069636814),
    (-812280.8264515302, 0.054690014333152466),
    (-943305.0469559873, 0.8478997857743352),
    (671530.2078397393, 0.8015173090645533),
    (-134465.86418989324, 0.5518400487540559),
    (3.141592653589793, 1.2246467991473532e-16),
    (1.5707963267948966, 1.0),
    (22.0, -0.008851309290403876),
    (355.0, -3.014435335948845e-05),
    (311979.0, -5.738800730727115e-05),
    (710.0, 6.0288706691585265e-05),
    (100000.0, 0.03574879797201651),
    (999999.5, -0.756251087561678),
];
const COS_TABLE: &[(f64, f64)] = &[
    (-731271.5117751976, -0.9885014626373039),
    (694867.4738744653, -0.833173011001834),
    (527549.237953228, 0.9076305471184088),
    (-489861.9485211566, 0.9520990674240248),
    (-9129.825816118042, 0.9367519108810031),
    (-101017.8704225237, -0.9991450594119297),
    (303185.9454455259, -0.965555729866371),
    (577446.7022710263, -0.9998268882057447),
    (-812280.8264515302, -0.9985033812322518),
    (-943305.0469559873, -0.530156536585032),
    (671530.2078397393, -0.5979715739647808),
    (-134465.86418989324, 0.833949974873266),
    (3.141592653589793, -1.0),
    (1.5707963267948966, 6.123233995736766e-17),
    (22.0, -0.9999608263946371),
    (355.0, -0.999999999545659),
    (311979.0, 0.9999999983533083),
    (710.0, 0.999999998182636),
    (100000.0, -0.9993608074382124),
    (999999.5, 0.654281508650351),
];
const POWER_TABLE: &[(f64, f64, f64)] = &[
    (2.0, 0.5, 1.4142135623730951),
    (1.0000001, 1000000000.0, 2.6881038582144647e+43),
    (0.37, -0.34, 1.4022046849630065),
    (1e+300, 1.02, 1.0000000000000123e+306),
    (1e-300, 1.05, 1e-315),
    (700000000000.0, -0.2849, 0.00042201857664983435),
    (3.0, 646.0, 1.6608505280233425e+308),
    (1e-310, 0.5, 9.999999999999986e-156),
    (0.999999, -600000000.0, 3.774152442694965e+260),
    (-2.0, -3.0, -0.125),
    (10.0, -300.0, 1e-300),
    (1.5, 1700.0, 2.2653765189682277e+299),
];

const M4_TABLE: &[(f64, f64, f64)] = &[
    (0.0, 0.3, 0.6981391920299003),
    (0.0, 3.0, 0.31767219617198067),
    (-1e-09, 0.5, 0.6180339884082541),
    (0.5, 0.01, 1.0),
    (-2.0, 0.0625, 0.1341226298905163),
    (3.0, 100.0, 0.056966052549020006),
    (-300.0, 2.0, 5.148200222412013e-131),
    (300.0, 5.0, 1.0),
    (480.0, 127.0, 0.9771706753637798),
    (-40.0, 90.0, 4.248354255291587e-18),
    (-5.0, 0.02, 0.00673703611281465),
    (1.0, 0.1, 0.9999546206682157),
    (-1.9037, 0.2325, 0.14373578557705613),
    (-0.016372, 0.8898, 0.5158874636159954),
    (5.8014, 0.5805, 0.9999543212400782),
    (-0.74683, 4.329, 0.1901593319450516),
    (-6.4419, 0.4619, 0.0015922040539860227),
    (-4.9909, 0.268, 0.006787143248237733),
    (0.049701, 5.445, 0.23845719654854797),
    (0.012135, 0.3497, 0.6797414646153598),
    (0.66288, 1.795, 0.5198819935657698),
    (0.041811, 0.1685, 0.7970144107578174),
    (0.010616, 11.67, 0.15054639345704104),
    (6.3574, 0.3167, 0.9999999980856485),
    (0.3353, 1.047, 0.5732865097397166),
    (0.021212, 0.3102, 0.7017917432352461),
    (-0.011429, 0.3406, 0.6745267339632117),
    (0.6655, 0.8136, 0.7102030329381722),
    (0.033283, 2.266, 0.3669157677671386),
    (-0.30624, 2.613, 0.29516153948597457),
];

/// Distance in representable numbers; NaN equals NaN.
fn ulps(a: f64, b: f64) -> u64 {
    let ordered = |x: f64| {
        let bits = x.to_bits() as i64;
        if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits }
    };
    if a.is_nan() && b.is_nan() { 0 } else { ordered(a).abs_diff(ordered(b)) }
}

#[track_caller]
fn close(name: &str, f: impl Fn(f64) -> f64, oracle: impl Fn(f64) -> f64, bound: u64, x: f64) {
    let (got, expected) = (f(x), oracle(x));
    assert!(ulps(got, expected) <= bound, "{name}({x:e}) = {got:e}, expected {expected:e}");
}

/// Points spread over both signs and all magnitudes that matter, and finely over [-40, 40].
fn points() -> Vec<f64> {
    let mut x: Vec<f64> = (-40_000..=40_000).map(|i| f64::from(i) * 1.000_123e-3).collect();
    x.extend((-74_000..=71_000).map(|i| f64::from(i) * 1.000_321e-2));
    x.extend((-1074..1024).flat_map(|e| [1.0, 1.1, 1.37, 1.99].map(|m| 2f64.powi(e / 2) * 2f64.powi(e - e / 2) * m)));
    let negative: Vec<f64> = x.iter().map(|v| -v).collect();
    x.extend(negative);
    x
}

// The oracle is std (glibc: below 1 ulp), so a distance of d ulp to it bounds the error by d + 1.
#[test]
fn exponentials_and_logarithms_agree_with_the_system_library_within_the_stated_ulps() {
    for x in points() {
        close("exp", exp, f64::exp, 1, x);
        close("exp_m1", exp_m1, f64::exp_m1, 2, x);
        close("ln", ln, f64::ln, 1, x);
        close("ln_1p", ln_1p, f64::ln_1p, 2, x);
        close("tanh", tanh, f64::tanh, 3, x);
    }
}

#[test]
fn derived_functions_agree_with_their_definitions_where_those_are_accurate() {
    for x in points() {
        let t = (-x.abs()).exp();
        let expected = if x < 0.0 { t / (1.0 + t) } else { 1.0 / (1.0 + t) };
        close("sigmoid", sigmoid, |_| expected, 2, x);
        close("softplus", softplus, |_| x.max(0.0) + t.ln_1p(), 2, x);
        for y in [-3.0, 0.0, 5.5, 1e5] {
            let expected = x.max(y) + (-(x - y).abs()).exp().ln_1p();
            let scale = expected.abs().max(x.abs()).max(y.abs());
            assert!((log_add_exp(x, y) - expected).abs() <= 4.5e-16 * scale, "{x} {y}");
        }
    }
}

#[test]
fn sine_and_cosine_hold_to_a_million_and_give_nan_beyond_counting() {
    for x in points().into_iter().filter(|x| x.abs() < 1e6) {
        assert!((sin(x) - x.sin()).abs() <= 3e-16, "{x}");
        assert!((cos(x) - x.cos()).abs() <= 3e-16, "{x}");
    }
    assert!(sin(2e15).is_nan() && cos(f64::INFINITY).is_nan() && sin(f64::NAN).is_nan());
    assert!(sin(-0.0).is_sign_negative());
}

#[test]
fn tables_of_sixty_digit_values_are_met() {
    type Table = (&'static str, fn(f64) -> f64, &'static [(f64, f64)], f64);
    let tables: [Table; 8] = [
        ("erf", erf, ERF_TABLE, 1e-15),
        ("erfc", erfc, ERFC_TABLE, 2e-15),
        ("erfcx", erfcx, ERFCX_TABLE, 2e-15),
        ("ln_gamma", ln_gamma, LN_GAMMA_TABLE, 2e-15),
        ("digamma", digamma, DIGAMMA_TABLE, 2e-15),
        ("atan", atan, ATAN_TABLE, 5e-16),
        ("sin", sin, SIN_TABLE, 4e-16),
        ("cos", cos, COS_TABLE, 4e-16),
    ];
    for (name, f, table, bound) in tables {
        for &(x, expected) in table {
            // The bound of digamma is absolute near its zero.
            let scale = if name == "digamma" { 1.0 + expected.abs() } else { expected.abs() };
            let error = (f(x) - expected).abs() / scale;
            assert!(error <= bound, "{name}({x:e}) = {:e}, expected {expected:e}, error {error:e}", f(x));
        }
    }
    for &(x, y, expected) in POWER_TABLE {
        let got = powf(x, y);
        assert!(ulps(got, expected) <= 4, "{x:e}^{y:e} = {got:e}, expected {expected:e}");
    }
}

#[test]
fn shares_meet_sixty_digit_values_within_the_condition_of_their_equation() {
    for &(t, k, expected) in M4_TABLE {
        let condition = 1.0 + t.abs() * (1.0 - expected) / (1.0 - expected + k * expected);
        let error = (m4(t, k) - expected).abs() / expected;
        assert!(error <= 4.0 * f64::EPSILON * condition, "m4({t}, {k}): error {error:e}, condition {condition}");
    }
}

#[test]
fn odd_functions_are_odd_and_complements_complete() {
    for x in points() {
        assert_eq!(erf(-x).to_bits(), (-erf(x)).to_bits());
        assert_eq!(atan(-x).to_bits(), (-atan(x)).to_bits());
        close("atan", atan, f64::atan, 3, x);
        assert!((erf(x) + erfc(x) - 1.0).abs() < 5e-16);
    }
    assert_eq!(ln_gamma(1.0), 0.0);
    assert_eq!(ln_gamma(2.0), 0.0);
    assert!(ln_gamma(-3.0) == f64::INFINITY && digamma(0.0).is_nan() && ln_gamma(f64::NAN).is_nan());
    assert!((ln_gamma(-0.5) - 1.265_512_123_484_645_4).abs() < 1e-14);
}

#[test]
fn powers_agree_with_the_system_library_in_every_corner() {
    let corners = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 1e-310, 1e308, f64::INFINITY, 9.007_199_254_740_993e15];
    let both: Vec<f64> = corners.iter().flat_map(|&c| [c, -c]).chain([f64::NAN]).collect();
    for &x in &both {
        for &y in &both {
            let (got, expected) = (powf(x, y), x.powf(y));
            let same_sign = got.is_nan() || got.is_sign_negative() == expected.is_sign_negative();
            assert!(ulps(got, expected) <= 4 && same_sign, "{x:e}^{y:e} = {got:e}, expected {expected:e}");
        }
    }
    for i in 1..4000 {
        let (x, y) = (f64::from(i) * 0.017_3, f64::from(2000 - i) * 0.083_1);
        close("powf", |x| powf(x, y), |x| x.powf(y), 4, x);
    }
}

#[test]
fn special_values_are_those_of_ieee_754() {
    let inf = f64::INFINITY;
    assert_eq!((exp(inf), exp(-inf), exp(710.0), exp(-746.0)), (inf, 0.0, inf, 0.0));
    assert_eq!((exp(0.0), exp(-0.0), exp(-745.0)), (1.0, 1.0, 5e-324));
    assert_eq!((exp_m1(inf), exp_m1(-inf)), (inf, -1.0));
    assert_eq!((ln(0.0), ln(-0.0), ln(inf), ln(1.0)), (-inf, -inf, inf, 0.0));
    assert_eq!((ln_1p(-1.0), ln_1p(inf)), (-inf, inf));
    assert!(ln(-1.0).is_nan() && ln(-inf).is_nan() && ln_1p(-1.5).is_nan() && ln_1p(-inf).is_nan());
    assert_eq!((tanh(inf), tanh(-inf), sigmoid(-inf), sigmoid(inf)), (1.0, -1.0, 0.0, 1.0));
    assert_eq!((softplus(-inf), softplus(inf)), (0.0, inf));
    assert_eq!((log_add_exp(-inf, -inf), log_add_exp(inf, inf), log_add_exp(-inf, 2.0)), (-inf, inf, 2.0));
    assert_eq!((log_add_exp(inf, -inf), log_add_exp(3.0, -inf)), (inf, 3.0));
    for f in [exp, exp_m1, ln, ln_1p, tanh, sigmoid, softplus, sin, cos, atan, erf, erfc, erfcx, ln_gamma, digamma] {
        assert!(f(f64::NAN).is_nan());
    }
    assert!(log_add_exp(f64::NAN, 1.0).is_nan() && log_add_exp(1.0, f64::NAN).is_nan());
    for f in [exp_m1, ln_1p, tanh, erf, atan, sin] {
        assert_eq!(f(-0.0).to_bits(), (-0.0_f64).to_bits());
        assert_eq!(f(1e-310), 1e-310 * (f(1e-200) / 1e-200));
    }
}
