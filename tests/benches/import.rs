//! How long another app's export takes from the file's bytes to the preview, apart from its key derivation. Figures go to
//! docs/benchmarks.md.
#![expect(missing_docs, reason = "criterion's macro makes a public function")]

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Duration;

use couchkey_authenticator::Source;
use couchkey_formats::export::{aegis, uri_list};
use couchkey_formats::import::read;
use couchkey_otp::otpauth;
use couchkey_tests::desktop::Session;
use couchkey_tests::machine::{Machine, uri};
use couchkey_vault::NewAccount;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::{SeedableRng, rngs::StdRng};

fn accounts(count: usize) -> Vec<NewAccount> {
    let accounts = (0..count).map(|n| {
        let parsed = otpauth::read(&uri(n)).expect("it enrols");
        NewAccount {
            groups: vec![format!("group {}", n % 50)],
            ..NewAccount::plain(parsed)
        }
    });
    accounts.collect()
}

/// The readers alone: twice as many take twice as long.
fn readers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("import: read a file");
    group.sample_size(10);
    for count in [1_000, 10_000] {
        group.throughput(Throughput::Elements(count as u64));
        let accounts = accounts(count);
        let aegis = aegis(&accounts, &mut StdRng::seed_from_u64(1));
        let links = uri_list(&accounts);
        for (name, bytes) in [("Aegis", aegis.as_slice()), ("links", links.as_bytes())] {
            let id = BenchmarkId::new(name, count);
            group.bench_with_input(id, bytes, |bencher, bytes| {
                bencher.iter(|| {
                    let mut go_on = |_| ControlFlow::Continue(());
                    let read = read(bytes, None, &mut go_on);
                    black_box(read.expect("our own export").accounts.len())
                });
            });
        }
    }
    group.finish();
}

/// From the file to the preview, with a vault that is open: the limit is 3 s for 10,000 accounts.
fn preview(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("import: file to preview");
    group.sample_size(10);
    for count in [1_000, 10_000] {
        let app = Machine::new().start();
        app.create_vault(None).expect("a fresh machine");
        let file = aegis(&accounts(count), &mut StdRng::seed_from_u64(1));
        group.bench_with_input(BenchmarkId::new("Aegis", count), &file, |bencher, file| {
            bencher.iter(|| {
                let preview = app.preview(Source::File(file.clone()), &mut |_| ());
                black_box(preview.expect("our own export").rows.len())
            });
        });
    }
    group.finish();
}

/// From the yes to all of them kept, on the real gnome-keyring-daemon and the real disk; and the same with entries that
/// are no longer than what Windows takes, for comparison.
fn adding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("import: yes to kept, on GNOME's keyring");
    group.sample_size(10);
    for (count, entries) in [
        (100, "long"),
        (500, "long"),
        (1_000, "long"),
        (1_000, "short"),
        (10_000, "long"),
    ] {
        group.bench_function(BenchmarkId::new(entries, count), |bencher| {
            bencher.iter_custom(|rounds| (0..rounds).map(|_| kept(count, entries)).sum());
        });
    }
    group.finish();
}

/// In a session of its own: what the keyring holds already counts.
fn kept(count: usize, entries: &str) -> Duration {
    let session = Session::start();
    let dir = session.data_dir().join("couchkey");
    let dir = dir.to_str().expect("a temporary folder has a plain name");
    let said = session.run(
        env!("CARGO_BIN_EXE_importer"),
        [dir, &count.to_string(), entries],
    );
    let mut millis = said.split_whitespace();
    let adding = millis.nth(1).expect("three numbers");
    Duration::from_millis(adding.parse().expect("a number"))
}

criterion_group!(benches, readers, preview, adding);
criterion_main!(benches);
