//! The only module that knows vector units: kernels run wide where the processor can, with the same bits everywhere.
//!
//! The code of a kernel is ordinary Rust over blocks of [`LANES`] numbers. [`dispatch`] compiles it three times: for AVX-512,
//! for AVX2 with fused multiply-add, and portably. All give the same bits: every product that is added goes through
//! [`f64::mul_add`] (correctly rounded on every processor, slow where it must be emulated), the compiler never fuses or
//! reorders by itself, and [`math`] calls no system library.

mod aligned;
pub mod lanes;
pub mod math;
mod picks;
pub mod vector;

pub use aligned::Aligned;
pub use picks::Picks;
pub use vector::{Real, Vector};

/// Rows handled together: one AVX-512 register, or two of AVX2, enough to hide the latency of one chain of fused multiply-adds.
pub const LANES: usize = 8;

/// Work to be compiled for more than one instruction set.
///
/// Mark `run`, and what it calls in its hot loops, closures too, `#[inline(always)]`: only code inlined into the dispatcher
/// is compiled for the wide registers, and a fused multiply-add outside of it is a call, 30 times slower. Copy a block of
/// [`LANES`] into local arrays, compute into local arrays, copy out: slices that might overlap keep the compiler from
/// working on several lanes at once.
pub trait Kernel {
    /// What the work returns.
    type Output;
    /// Does the work.
    fn run(self) -> Self::Output;
}

/// The instruction set that [`dispatch`] uses here, in a word.
pub fn unit() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if has_avx512() {
        return "AVX-512";
    } else if has_avx2() {
        return "AVX2 and FMA";
    }
    "portable"
}

/// Runs `kernel` on the widest instruction set this processor has; the result does not depend on which.
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if has_avx512() {
        #[expect(unsafe_code, reason = "calling a function compiled for features just detected")]
        // SAFETY: `widest` needs the features that `has_avx512` found on this processor one line above.
        return unsafe { widest(kernel) };
    } else if has_avx2() {
        #[expect(unsafe_code, reason = "calling a function compiled for features just detected")]
        // SAFETY: `wide` needs AVX2 and FMA, and `has_avx2` found both on this processor one line above.
        return unsafe { wide(kernel) };
    }
    kernel.run()
}

/// The variable that keeps kernels from wider registers than it says: "avx2", or "none" for portable code. It changes no bit of any
/// result and makes everything slower; it is there to show the former.
pub const UNIT: &str = "SCALING_FAST_SIMD";

/// What a kernel may be compiled for, narrowest first.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Portable,
    Avx2,
    Avx512,
}

#[cfg(target_arch = "x86_64")]
static WIDEST: std::sync::LazyLock<Unit> = std::sync::LazyLock::new(|| {
    let allowed = match std::env::var(UNIT).as_deref() {
        Ok("none") => Unit::Portable,
        Ok("avx2") => Unit::Avx2,
        _ => Unit::Avx512,
    };
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    let found = match (avx2, avx512) {
        (true, true) => Unit::Avx512,
        (true, false) => Unit::Avx2,
        _ => Unit::Portable,
    };
    found.min(allowed)
});

/// Whether every feature that [`widest`] is compiled for is there.
#[cfg(target_arch = "x86_64")]
#[inline]
fn has_avx512() -> bool {
    *WIDEST == Unit::Avx512
}

/// Whether every feature that [`wide`] is compiled for is there.
#[cfg(target_arch = "x86_64")]
#[inline]
fn has_avx2() -> bool {
    *WIDEST >= Unit::Avx2
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
fn widest<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn wide<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

/// Work that says itself which numbers share a register.
pub trait VectorKernel {
    /// What the work returns.
    type Output;
    /// Does the work; `#[inline(always)]`, as with [`Kernel::run`].
    fn run<V: Vector>(self) -> Self::Output;
}

/// Runs `kernel` with the widest vectors this processor has; the result does not depend on which.
#[inline]
pub fn dispatch_vector<K: VectorKernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if has_avx512() {
        #[expect(unsafe_code, reason = "calling a function compiled for features just detected")]
        // SAFETY: `vector_widest` needs the features that `has_avx512` found on this processor one line above.
        return unsafe { vector_widest(kernel) };
    } else if has_avx2() {
        #[expect(unsafe_code, reason = "calling a function compiled for features just detected")]
        // SAFETY: `vector_wide` needs AVX2 and FMA, and `has_avx2` found both on this processor one line above.
        return unsafe { vector_wide(kernel) };
    }
    kernel.run::<vector::Plain>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
fn vector_widest<K: VectorKernel>(kernel: K) -> K::Output {
    kernel.run::<vector::x86::One>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn vector_wide<K: VectorKernel>(kernel: K) -> K::Output {
    kernel.run::<vector::x86::Two>()
}

/// `kernel` on AVX2 even where wider vectors are there, to compare the two.
#[cfg(all(test, target_arch = "x86_64"))]
fn on_avx2<K: VectorKernel>(kernel: K) -> K::Output {
    assert!(has_avx2());
    #[expect(unsafe_code, reason = "calling a function compiled for features just detected")]
    // SAFETY: both features were asserted one line above.
    unsafe {
        vector_wide(kernel)
    }
}

#[cfg(test)]
mod tests {
    use super::{Kernel, dispatch, lanes, math};

    struct Everything<'a> {
        x: &'a [f64],
        out: &'a mut Vec<f64>,
    }

    impl Kernel for Everything<'_> {
        type Output = ();

        #[inline(always)]
        fn run(self) {
            let functions: [fn(f64) -> f64; 17] = [
                math::exp,
                math::ln,
                math::exp_m1,
                math::ln_1p,
                math::tanh,
                math::sigmoid,
                math::sigmoid_slope,
                math::softplus,
                math::sin,
                math::cos,
                math::atan,
                math::erf,
                math::ln_gamma,
                math::digamma,
                |x| math::powf(x.abs(), 1.7),
                |x| math::m4(x, 0.3),
                |x| math::m4(0.1 * x, x.abs()),
            ];
            for f in functions {
                self.out.extend(self.x.iter().map(|&x| f(x)));
            }
            let mut block = [0.0; 8];
            for rows in self.x.chunks_exact(8) {
                for lane in 0..8 {
                    let x = rows[lane];
                    let e = math::exp(x) + math::exp_m1(x);
                    let l = math::ln(x.abs()) + math::ln_1p(x.abs());
                    block[lane] = e + l * math::tanh(x) + math::log_add_exp(x, 1.0) + math::softplus(x);
                }
                self.out.extend(block);
            }
            self.out.push(lanes::sum(self.x));
            self.out.push(lanes::dot(self.x, self.x));
        }
    }

    #[test]
    fn wide_and_portable_code_give_the_same_bits() {
        let mut x: Vec<f64> = (0..4003).map(|i| (f64::from(i) - 2000.0) * 0.370_123).collect();
        x.extend((0..600).map(|i| (f64::from(i) - 300.0) * 1e-3));
        x.extend((-1070..1020).map(|e| 2f64.powi(e) * 1.37));
        x.retain(|v| v.abs() < 1e300);
        let (mut wide, mut portable) = (Vec::new(), Vec::new());
        dispatch(Everything { x: &x, out: &mut wide });
        Everything { x: &x, out: &mut portable }.run();
        assert_eq!(wide.len(), portable.len());
        for (i, (a, b)) in wide.iter().zip(&portable).enumerate() {
            assert!(a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()), "output {i}: {a:e} {b:e}");
        }
    }
}
