#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| couchkey_fuzz::vault_behind_its_seals(data));
