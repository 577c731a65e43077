#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| couchkey_fuzz::keepass_4(data));
