//! 10,000 random inputs, compared with an implementation that shares no line with ours: oathtool (OATH Toolkit).
use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

use couchkey_otp::{Algorithm, Counter, Digits, Period, Secret, UnixTime, hotp, totp};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// Of each, many codes: one process each would take minutes.
const KEYS: usize = 2000;
/// In steps that follow each other.
const CODES: usize = 5;

#[test]
fn ten_thousand_random_codes_are_those_of_oathtool() {
    let seed: u64 = rand::random();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut compared = 0;
    for _ in 0..KEYS {
        let input = Input::random(&mut rng);
        let theirs = input.theirs();
        let ours = input.ours();
        assert_eq!(ours, theirs, "{}; the run's seed is {seed}", input.words());
        compared += ours.len();
    }
    assert_eq!(compared, 10_000, "as many as the name of this test says");
}

struct Input {
    key: Vec<u8>,
    algorithm: Algorithm,
    digits: Digits,
    moving: Moving,
}

enum Moving {
    Time { period: Period, at: u64 },
    Count { from: u64 },
}

impl Input {
    fn random(rng: &mut StdRng) -> Input {
        let mut key = vec![0; rng.random_range(1..=64)];
        rng.fill_bytes(&mut key);
        let algorithm =
            [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512][rng.random_range(0..3)];
        let digits = Digits::new(rng.random_range(6..=8)).unwrap();
        let moving = if rng.random() {
            let longest = [60, 86_400][rng.random_range(0..2)];
            // To the year 2514; oathtool's time is signed and read as a date.
            Moving::Time {
                period: Period::new(rng.random_range(1..=longest)).unwrap(),
                at: rng.random_range(0..1 << 34),
            }
        } else {
            // oathtool counts with SHA-1 only. For the others it is asked for time steps of one second, which are
            // the same codes (RFC 6238, section 4.2) as far as its clock goes.
            let bits = if algorithm == Algorithm::Sha1 {
                rng.random_range(1..63)
            } else {
                34
            };
            Moving::Count {
                from: rng.random_range(0..1 << bits),
            }
        };
        Input {
            key,
            algorithm,
            digits,
            moving,
        }
    }

    fn ours(&self) -> Vec<String> {
        let secret = Secret::from_bytes(&self.key).expect("1 to 64 bytes");
        let code = |step: u64| match self.moving {
            Moving::Time { period, at } => {
                let at = UnixTime::from_secs(at + step * u64::from(period.get()));
                totp::code(&secret, at, period, self.algorithm, self.digits)
            }
            Moving::Count { from } => hotp::code(
                &secret,
                Counter::new(from + step).unwrap(),
                self.algorithm,
                self.digits,
            ),
        };
        (0..CODES as u64)
            .map(|step| code(step).as_str().to_owned())
            .collect()
    }

    fn theirs(&self) -> Vec<String> {
        let mut oathtool = Command::new("oathtool");
        match self.moving {
            Moving::Count { from } if self.algorithm == Algorithm::Sha1 => oathtool
                .arg("--hotp")
                .args(["--counter", &from.to_string()]),
            Moving::Count { from: at } => self.timed(&mut oathtool, 1, at),
            Moving::Time { period, at } => self.timed(&mut oathtool, period.get(), at),
        };
        oathtool.args(["--digits", &self.digits.get().to_string()]);
        oathtool.args(["--window", &(CODES - 1).to_string()]);
        // The key goes in by standard input: arguments can be read by everybody on the machine.
        oathtool
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());

        let mut child = match oathtool.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => panic!(
                "oathtool is not installed, and without it this test compares nothing. On Debian and Ubuntu: \
                 apt-get install oathtool; on Fedora and Arch: the package oath-toolkit."
            ),
            Err(error) => panic!("oathtool does not start: {error}"),
        };
        let mut stdin = child.stdin.take().expect("piped above");
        writeln!(stdin, "{}", data_encoding::HEXLOWER.encode(&self.key))
            .expect("oathtool reads its input");
        drop(stdin);
        let output = child.wait_with_output().expect("oathtool ends");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "oathtool refused {}: {complaint}",
            self.words()
        );
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(str::to_owned)
            .collect()
    }

    fn timed<'a>(&self, oathtool: &'a mut Command, period: u32, at: u64) -> &'a mut Command {
        oathtool
            .arg(format!("--totp={}", self.algorithm))
            .arg(format!("--time-step-size={period}s"))
            .arg(format!("--now=@{at}"))
    }

    /// All but the key, which the seed of the run gives again.
    fn words(&self) -> String {
        let moving = match self.moving {
            Moving::Time { period, at } => format!("period {} from second {at}", period.get()),
            Moving::Count { from } => format!("counter {from}"),
        };
        format!(
            "{}, {} digits, {moving}, a key of {} bytes",
            self.algorithm,
            self.digits.get(),
            self.key.len()
        )
    }
}
