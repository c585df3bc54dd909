//! Builtins with the behaviour of Open Policy Agent where the engine's differ or are missing.

use regorus::Engine;

pub(super) fn register(engine: &mut Engine) {
    let _ = engine;
}
