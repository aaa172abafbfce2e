//! The one way into the core: interpreter released, Ctrl-C heard, panics turned into an exception.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use scaling_core::Error;
use scaling_core::batch::Control;
use scaling_core::memory::ask;

use crate::error::{internal, raise};

/// How often the waiting thread listens for signals and reports progress.
const LISTEN: Duration = Duration::from_millis(50);

/// What a run returned, and whether Ctrl-C ended it early.
pub(crate) struct Ran<T> {
    pub(crate) value: T,
    pub(crate) interrupted: bool,
}

/// Run `work` on a thread of its own while this one listens; `progress(done, total)` is called as it goes.
pub(crate) fn enter<T: Send>(
    py: Python<'_>,
    control: &Control,
    total: usize,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> PyResult<Ran<T>> {
    // What a thread takes before it can say that it failed.
    let _promise = ask("the thread that works", 0).map_err(|error| raise(py, &error))?;
    let (sender, receiver) = channel();
    // Only this thread listens; the lock satisfies the compiler that nobody else does.
    let receiver = Mutex::new(receiver);
    let mut failure: Option<PyErr> = None;
    let joined = std::thread::scope(|scope| {
        let work = move || {
            let answer = work();
            // The listener may have gone after an error; then nobody waits for this word.
            let _ = sender.send(());
            answer
        };
        let worker = std::thread::Builder::new().spawn_scoped(scope, work).map_err(|_| Error::Threads { wanted: 1 })?;
        loop {
            let heard = py.detach(|| receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LISTEN));
            if heard != Err(RecvTimeoutError::Timeout) {
                break;
            }
            if failure.is_some() {
                continue;
            }
            let listened = py.check_signals().and_then(|()| match progress {
                Some(callback) => callback.call1((control.done(), total)).map(|_| ()),
                None => Ok(()),
            });
            if let Err(error) = listened {
                control.cancel();
                failure = Some(error);
            }
        }
        Ok(py.detach(|| worker.join()))
    });
    let value = match joined.map_err(|error: Error| raise(py, &error))? {
        Ok(answer) => answer.map_err(|error| raise(py, &error))?,
        Err(panic) => return Err(internal(py, &panic_text(panic.as_ref()))),
    };
    match failure {
        Some(error) if !error.is_instance_of::<PyKeyboardInterrupt>(py) => Err(error),
        failure => {
            if let (None, Some(callback)) = (&failure, progress) {
                callback.call1((control.done(), total))?;
            }
            Ok(Ran { value, interrupted: failure.is_some() })
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
