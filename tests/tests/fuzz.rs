//! The properties of `tests/fuzz` on a stable compiler: the vectors and every finding of the past as they are, then
//! mutations of them, as many as take about a minute in all. `make fuzz` is the long run, guided by coverage.

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::{env, fs, path::Path};

use couchkey_tests::machine::uri;
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Mutations of each property: what it costs decides.
const MUTATIONS: &[(&str, u32)] = &[
    ("otpauth", 200_000),
    ("migration", 100_000),
    ("vault", 60_000),
    ("head", 60_000),
    ("recovery_key", 60_000),
    ("import", 60_000),
    ("vault_sealed", 6_000),
    ("keepass", 6_000),
    ("keepass_4", 6_000),
    ("picture", 6_000),
];

/// No mutation grows beyond this, so that none is slow for its length alone.
const LONGEST: usize = 1 << 16;

#[test]
fn no_bytes_at_all_break_a_reader() {
    let mut total = 0_u64;
    for (name, property) in fuzz::PROPERTIES {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name} has something to begin with");
        for seed in &seeds {
            property(seed);
        }
        if let Some(dir) = env::var_os("COUCHKEY_SEEDS") {
            write_seeds(&Path::new(&dir).join(name), &seeds);
        }
        let (_, times) = MUTATIONS
            .iter()
            .find(|(named, _)| named == name)
            .expect("every property is run");
        let small: Vec<_> = seeds
            .into_iter()
            .filter(|seed| seed.len() <= LONGEST)
            .collect();
        let mut rng = StdRng::seed_from_u64(7);
        for _ in 0..*times {
            let mut bytes = small[rng.random_range(0..small.len())].clone();
            let other = &small[rng.random_range(0..small.len())];
            for _ in 0..rng.random_range(1..8_u32) {
                mutate(&mut bytes, other, &mut rng);
            }
            bytes.truncate(LONGEST);
            property(&bytes);
        }
        total += u64::from(*times);
    }
    println!("mutations: {total}; none broke a reader");
}

/// What libFuzzer does to bytes, without its guidance: no crate does it for a compiler as old as ours may be.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], rng: &mut StdRng) {
    const TELLING: [u8; 12] = *b"\0\x01\x7f\x80\xff%&:=\"{9";
    let at = rng.random_range(0..=bytes.len());
    let end = at + rng.random_range(0..=(bytes.len() - at).min(32));
    match rng.random_range(0..7_u32) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8_u32),
        1 if at < bytes.len() => bytes[at] = TELLING[rng.random_range(0..TELLING.len())],
        2 => bytes.insert(at, rng.random()),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        5 => {
            let from = rng.random_range(0..=other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        _ => bytes.truncate(bytes.len() - rng.random_range(0..=bytes.len().min(16))),
    }
}

/// What a property begins with: its vectors, and what `make fuzz` once found.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = files(&root.join("fuzz/corpus").join(name));
    match name {
        "otpauth" => {
            let table = root.join("vectors/otpauth.tsv");
            let table = fs::read_to_string(table).expect("the table is there");
            let fields = table.lines().flat_map(|line| line.split('\t'));
            let uris = fields.filter(|field| field.contains("://"));
            seeds.extend(uris.map(|uri| uri.replace("\\n", "\n").into_bytes()));
        }
        "migration" => {
            let read: Vec<_> = (0..12)
                .map(|n| couchkey_otp::otpauth::read(&uri(n)))
                .collect();
            let enrolments = read
                .iter()
                .map(|read| &read.as_ref().expect("a good URI").enrolment);
            let enrolments: Vec<_> = enrolments.collect();
            for n in [1, 3, 12] {
                let written = couchkey_otp::migration::write(&enrolments[..n], 5);
                seeds.extend(written.uris.iter().map(|uri| uri.as_bytes().to_vec()));
            }
        }
        "vault" => seeds.extend(named(root, &["vault.a", "vault.b"])),
        "head" => seeds.extend(named(root, &["head"])),
        "recovery_key" => seeds.extend(named(root, &["recovery-key.txt"])),
        "import" => {
            seeds.extend(files(&root.join("vectors/import")));
            seeds.push(uri(1).into_bytes());
        }
        "vault_sealed" => seeds.extend(fuzz::sealed::vault_seeds()),
        // Its first bytes are in the corpus.
        "keepass" => {}
        "keepass_4" => {
            let documents = files(&root.join("fuzz/corpus/keepass"));
            seeds.extend(
                documents
                    .iter()
                    .flat_map(|xml| fuzz::sealed::kdbx_seeds(xml)),
            );
        }
        "picture" => {
            seeds.extend(files(&root.join("vectors/qr")));
            seeds.extend(files(&root.join("vectors/pictures")));
        }
        other => panic!("{other} has no seeds"),
    }
    seeds
}

/// For `make fuzz`: what it begins with.
fn write_seeds(dir: &Path, seeds: &[Vec<u8>]) {
    fs::create_dir_all(dir).expect("a folder for the seeds");
    for (n, seed) in seeds.iter().enumerate() {
        fs::write(dir.join(format!("seed-{n}")), seed).expect("a seed can be written");
    }
}

/// Files of the golden vaults.
fn named(root: &Path, names: &[&str]) -> Vec<Vec<u8>> {
    let vaults = ["three-ways", "strong"].map(|vault| root.join("vectors/vault-v1").join(vault));
    let paths = vaults
        .iter()
        .flat_map(|vault| names.iter().map(|name| vault.join(name)));
    paths.filter_map(|path| fs::read(path).ok()).collect()
}

/// Every file of a folder, in the order of their names; none where there is no folder.
fn files(dir: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    paths.sort();
    let files = paths.iter().filter(|path| path.is_file());
    files
        .map(|path| fs::read(path).expect("it can be read"))
        .collect()
}
