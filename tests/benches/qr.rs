//! How many drawn pictures are read, and in how much processor time: ours beside others on the same pictures.
//!
//! `cargo bench -p couchkey-tests --bench qr` prints two Markdown tables; `QR_PICTURES=5` draws five of each kind
//! instead of 25.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};

use couchkey_qr::{self as qr, Effort, Grey};
use couchkey_tests::pictures::{Kind, Picture, draw, png};
use image::GrayImage;
use image::imageops::{self, FilterType};
use rustix::time::{ClockId, clock_gettime};
use rxing::common::{GlobalHistogramBinarizer, HybridBinarizer};
use rxing::multi::MultipleBarcodeReader as _;
use rxing::qrcode::cpp_port::QrReader;
use rxing::{BarcodeFormat, Binarizer, BinaryBitmap, DecodeHints, Luma8Source};

/// Reads a picture, which also lies in a PNG file.
type Decoder = Box<dyn Fn(&Picture, &Path) -> Vec<String>>;

/// What one decoder did with all pictures.
struct Row {
    name: &'static str,
    decode: Decoder,
    /// Pictures read wholly, by kind.
    whole: BTreeMap<Kind, usize>,
    false_reads: usize,
    panics: usize,
    milliseconds: Vec<f64>,
}

fn main() {
    let each: u64 = std::env::var("QR_PICTURES")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(25);
    let mut rows = vec![
        row("**Couchkey, still picture**", |picture, _| {
            ours(picture, Effort::Still)
        }),
        row("**Couchkey, camera frame**", |picture, _| {
            ours(picture, Effort::Frame)
        }),
        row("rxing 0.9, TryHarder, also inverted", |picture, _| {
            rxing_alone(picture)
        }),
        row("rxing in five steps", |picture, _| stepwise(picture, 5)),
        row("rxing and quircs in twelve steps", |picture, _| {
            stepwise(picture, 12)
        }),
        row("rqrr 0.11", |picture, _| rqrr_alone(picture)),
    ];
    // zbarimg is somebody else's program: where it is not installed it has no row.
    if Command::new("zbarimg").arg("--version").output().is_ok() {
        rows.push(row("zbarimg (whole process)", |_, file| zbarimg(file)));
    }
    let folder = tempfile::tempdir().expect("a folder for the pictures");
    let file = folder.path().join("picture.png");
    std::panic::set_hook(Box::new(|_| ())); // rqrr's panics are counted, not printed
    for kind in Kind::ALL {
        for seed in 0..each {
            // Not the seeds that the ladder was ordered by.
            let picture = draw(kind, 5000 + seed);
            std::fs::write(&file, png(&picture)).expect("the picture is written");
            for row in &mut rows {
                row.try_on(kind, &picture, &file);
            }
        }
        eprint!(".");
        std::io::stderr().flush().unwrap_or_default();
    }
    eprintln!();
    print(&rows, each as usize);
    let ours = rows
        .iter()
        .take(2)
        .map(|row| row.false_reads)
        .sum::<usize>();
    assert_eq!(ours, 0, "Couchkey must never read what is not there");
}

fn row(name: &'static str, decode: impl Fn(&Picture, &Path) -> Vec<String> + 'static) -> Row {
    let decode = Box::new(decode);
    Row {
        name,
        decode,
        whole: BTreeMap::new(),
        false_reads: 0,
        panics: 0,
        milliseconds: Vec::new(),
    }
}

impl Row {
    fn try_on(&mut self, kind: Kind, picture: &Picture, file: &Path) {
        let before = processor_time();
        let read = catch_unwind(AssertUnwindSafe(|| (self.decode)(picture, file)));
        self.milliseconds.push(processor_time() - before);
        let mut read = read.unwrap_or_else(|_| {
            self.panics += 1;
            Vec::new()
        });
        self.false_reads += read
            .iter()
            .filter(|text| !picture.texts.contains(text))
            .count();
        read.sort();
        read.dedup();
        let mut expected = picture.texts.clone();
        expected.sort();
        *self.whole.entry(kind).or_default() += usize::from(read == expected);
    }
}

/// Milliseconds that this thread, and the programs it has waited for, have spent.
fn processor_time() -> f64 {
    let own = clock_gettime(ClockId::ThreadCPUTime);
    // Fields 16 and 17 of proc(5) stat: the children's user and system time in hundredths of a second.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let children: f64 = fields
        .skip(13)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum();
    own.tv_sec as f64 * 1e3 + own.tv_nsec as f64 / 1e6 + children * 10.0
}

fn ours(picture: &Picture, effort: Effort) -> Vec<String> {
    let image = Grey::new(picture.width, picture.height, picture.luma.clone())
        .expect("a drawn picture is valid");
    qr::decode(&image, effort)
        .iter()
        .filter_map(|found| found.text().map(str::to_owned))
        .collect()
}

fn rxing_alone(picture: &Picture) -> Vec<String> {
    let image = grey(picture);
    let read = hybrid(&image);
    if read.is_empty() {
        hybrid(&inverted(&image))
    } else {
        read
    }
}

/// What others do who try hard: one preparation of the picture after the other, until rxing or quircs reads
/// something. The limit to be reached is this ladder: 90.0 % of ordinary pictures with five steps, 92.4 % with twelve.
fn stepwise(picture: &Picture, steps: usize) -> Vec<String> {
    let image = grey(picture);
    let part = |of: u32| {
        let (width, height) = ((image.width() / of).max(1), (image.height() / of).max(1));
        imageops::resize(&image, width, height, FilterType::Triangle)
    };
    let tries: [&dyn Fn() -> Vec<String>; 12] = [
        &|| global(&image),
        &|| hybrid(&image),
        &|| global(&against_surroundings(&part(2))),
        &|| hybrid(&inverted(&image)),
        &|| global(&against_surroundings(&image)),
        &|| hybrid(&part(3)),
        &|| hybrid(&stretched(&image)),
        &|| hybrid(&inverted(&part(2))),
        &|| quircs_alone(&part(2)),
        &|| quircs_alone(&image),
        &|| hybrid(&imageops::fast_blur(&image, 1.0)),
        &|| match image.width() * image.height() {
            ..2_100_000 => hybrid(&imageops::resize(
                &image,
                image.width() * 2,
                image.height() * 2,
                FilterType::Triangle,
            )),
            _ => Vec::new(),
        },
    ];
    tries[..steps]
        .iter()
        .map(|attempt| attempt())
        .find(|read| !read.is_empty())
        .unwrap_or_default()
}

fn grey(picture: &Picture) -> GrayImage {
    let (width, height) = (picture.width as u32, picture.height as u32);
    GrayImage::from_raw(width, height, picture.luma.clone()).expect("the size is right")
}

fn inverted(image: &GrayImage) -> GrayImage {
    let mut image = image.clone();
    imageops::invert(&mut image);
    image
}

/// Black where a pixel is darker than the square around it, which reaches a sixteenth of the shorter side.
fn against_surroundings(image: &GrayImage) -> GrayImage {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let radius = width.min(height) / 16;
    // sums[y][x]: of all pixels above and to the left.
    let mut sums = vec![0u64; (width + 1) * (height + 1)];
    for y in 0..height {
        let mut line = 0;
        for x in 0..width {
            line += u64::from(image.as_raw()[y * width + x]);
            sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + line;
        }
    }
    GrayImage::from_fn(width as u32, height as u32, |x, y| {
        let (x, y) = (x as usize, y as usize);
        let (left, right) = (x.saturating_sub(radius), (x + radius + 1).min(width));
        let (top, bottom) = (y.saturating_sub(radius), (y + radius + 1).min(height));
        let at = |x: usize, y: usize| sums[y * (width + 1) + x];
        let sum = at(right, bottom) + at(left, top) - at(right, top) - at(left, bottom);
        let mean = sum / ((right - left) * (bottom - top)) as u64;
        let dark = u64::from(image.as_raw()[y * width + x]) < mean;
        image::Luma([if dark { 0 } else { 255 }])
    })
}

/// The darkest hundredth becomes black, the lightest white.
fn stretched(image: &GrayImage) -> GrayImage {
    let mut sorted = image.as_raw().clone();
    sorted.sort_unstable();
    let (low, high) = (sorted[sorted.len() / 100], sorted[sorted.len() * 99 / 100]);
    let span = f32::from(high.saturating_sub(low).max(1));
    GrayImage::from_fn(image.width(), image.height(), |x, y| {
        let value = image.get_pixel(x, y).0[0].saturating_sub(low);
        image::Luma([(f32::from(value) * 255.0 / span) as u8])
    })
}

fn hybrid(image: &GrayImage) -> Vec<String> {
    rxing_by(HybridBinarizer::new(source(image)))
}

fn global(image: &GrayImage) -> Vec<String> {
    rxing_by(GlobalHistogramBinarizer::new(source(image)))
}

fn source(image: &GrayImage) -> Luma8Source<'_> {
    Luma8Source::new(image.as_raw().clone(), image.width(), image.height())
        .expect("the size is right")
}

fn rxing_by(binarizer: impl Binarizer) -> Vec<String> {
    let hints = DecodeHints {
        TryHarder: Some(true),
        PossibleFormats: Some([BarcodeFormat::QR_CODE].into()),
        ..DecodeHints::default()
    };
    QrReader
        .decode_multiple_with_hints(&mut BinaryBitmap::new(binarizer), &hints)
        .unwrap_or_default()
        .iter()
        .map(|code| code.getText().to_owned())
        .collect()
}

fn quircs_alone(image: &GrayImage) -> Vec<String> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    quircs::Quirc::default()
        .identify(width, height, image.as_raw())
        .filter_map(|code| code.ok()?.decode().ok())
        .filter_map(|data| String::from_utf8(data.payload).ok())
        .collect()
}

fn rqrr_alone(picture: &Picture) -> Vec<String> {
    let luma = |x, y| picture.luma[y * picture.width + x];
    let mut image =
        rqrr::PreparedImage::prepare_from_greyscale(picture.width, picture.height, luma);
    image
        .detect_grids()
        .iter()
        .filter_map(|grid| grid.decode().ok())
        .map(|(_, text)| text)
        .collect()
}

fn zbarimg(file: &Path) -> Vec<String> {
    let output = Command::new("zbarimg")
        .args([
            "--raw",
            "--quiet",
            "-Sdisable",
            "-Sqrcode.enable",
            "--nodbus",
        ])
        .arg(file)
        .stderr(Stdio::null())
        .output()
        .expect("zbarimg was there a moment ago");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

fn print(rows: &[Row], each: usize) {
    let codes = (Kind::ALL.len() - 1) * each;
    println!(
        "| decoder | read | false reads | panics | median / p95 / max ms |\n|---|---|---|---|---|"
    );
    for row in rows {
        let read: usize = row
            .whole
            .iter()
            .filter(|(kind, _)| **kind != Kind::Nothing)
            .map(|(_, whole)| whole)
            .sum();
        let mut times = row.milliseconds.clone();
        times.sort_by(f64::total_cmp);
        let share = 100.0 * read as f64 / codes as f64;
        let (median, p95) = (times[times.len() / 2], times[times.len() * 95 / 100]);
        let slowest = times[times.len() - 1];
        println!(
            "| {} | {share:.1} % | {} | {} | {median:.1} / {p95:.0} / {slowest:.0} |",
            row.name, row.false_reads, row.panics
        );
    }
    println!("\nPictures read wholly, of {each} of each kind:\n");
    println!(
        "| kind |{}",
        rows.iter()
            .map(|row| format!(" {} |", row.name))
            .collect::<String>()
    );
    println!("|---|{}", "---|".repeat(rows.len()));
    for kind in Kind::ALL {
        let cells: String = rows
            .iter()
            .map(|row| format!(" {} |", row.whole.get(&kind).unwrap_or(&0)))
            .collect();
        println!("| {kind:?} |{cells}");
    }
}
