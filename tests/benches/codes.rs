//! How long the everyday use cases take as the vault grows. Figures go to docs/benchmarks.md.
#![expect(missing_docs, reason = "criterion's macro makes a public function")]

use std::hint::black_box;

use couchkey_authenticator::{Authenticator, KeyringChoice, Source};
use couchkey_tests::machine::{Machine, all, uri};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

/// A machine in memory with a vault of so many accounts, added in one change.
fn machine_with(accounts: usize) -> (Machine, Authenticator) {
    let machine = Machine::new();
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    let list: Vec<String> = (0..accounts).map(uri).collect();
    let preview = app
        .preview(Source::Text(&list.join("\n")), &mut |_| ())
        .expect("they enrol");
    app.add(&all(&preview), &mut |_| ())
        .expect("it can be written");
    (machine, app)
}

fn codes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codes");
    for accounts in [10, 100, 1_000] {
        let (_, app) = machine_with(accounts);
        group.bench_with_input(
            BenchmarkId::from_parameter(accounts),
            &app,
            |bencher, app| {
                bencher.iter(|| black_box(app.codes().expect("open")));
            },
        );
    }
    group.finish();
}

fn unlock(criterion: &mut Criterion) {
    let mut group =
        criterion.benchmark_group("unlock with the device key, keyring and disk in memory");
    for accounts in [10, 100, 500, 1_000] {
        let (machine, _) = machine_with(accounts);
        group.bench_with_input(
            BenchmarkId::from_parameter(accounts),
            &machine,
            |bencher, machine| {
                bencher.iter(|| black_box(machine.start().open().expect("opens").accounts));
            },
        );
    }
    group.finish();
}

fn change(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("move one account, files on the disk");
    group.sample_size(20);
    for accounts in [10, 500] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let app = Authenticator::on_this_machine(Some(folder.path()), KeyringChoice::File)
            .expect("a folder");
        app.create_vault(Some("correct horse battery"))
            .expect("a fresh folder");
        let list: Vec<String> = (0..accounts).map(uri).collect();
        let preview = app
            .preview(Source::Text(&list.join("\n")), &mut |_| ())
            .expect("they enrol");
        app.add(&all(&preview), &mut |_| ())
            .expect("it can be written");
        let id = app.codes().expect("open").accounts[0].id.clone();
        group.bench_with_input(
            BenchmarkId::from_parameter(accounts),
            &app,
            |bencher, app| {
                let mut place = 0;
                bencher.iter(|| {
                    place = 1 - place;
                    app.move_account(&id, place).expect("it can be written");
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, codes, unlock, change);
criterion_main!(benches);
