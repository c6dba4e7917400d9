//! Fuzz target of libFuzzer: `LONGSHORE_PROPERTY` names the property to run, see `make fuzz`.
#![no_main]

use std::sync::LazyLock;

use longshore_fuzz::{Property, named};

static PROPERTY: LazyLock<Property> = LazyLock::new(|| {
    let name = std::env::var("LONGSHORE_PROPERTY").unwrap_or_default();
    named(&name).unwrap_or_else(|| panic!("LONGSHORE_PROPERTY={name:?} is not the name of a property"))
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    PROPERTY(bytes);
});
