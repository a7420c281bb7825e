//! How loud a recording is from its beginning to its end, as a few bars.

use std::{
    io::Cursor,
    time::{Duration, Instant},
};

use symphonia::core::{
    codecs::audio::AudioDecoderOptions,
    errors::Error,
    formats::{FormatOptions, TrackType, probe::Hint},
    io::MediaSourceStream,
    meta::MetadataOptions,
};

use super::Waveform;

/// Bars of a waveform.
const BARS: usize = 64;
/// Frames of which the loudest is kept while decoding: bounds memory at any length.
const BLOCK: usize = 256;
/// Frames decoded at most: three hours at 48 kHz. A file of silence can claim far more.
const MOST_FRAMES: usize = 3 * 3_600 * 48_000;
/// How long decoding may take; what was decoded until then is drawn.
const LONGEST: Duration = Duration::from_secs(4);

/// The waveform of a WAV, MP3, FLAC or Ogg Vorbis file; `extension` helps to tell them apart.
///
/// # Errors
/// Why there is none, for people.
pub(super) fn waveform(bytes: Vec<u8>, extension: &str) -> Result<Waveform, String> {
    let source = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let mut hint = Hint::new();
    hint.with_extension(extension);
    let mut format = symphonia::default::get_probe()
        .probe(
            &hint,
            source,
            FormatOptions::default(),
            MetadataOptions::default(),
        )
        .map_err(|_| {
            "This is not a recording of a kind known here. Longshore draws WAV, MP3, FLAC and Ogg Vorbis."
                .to_owned()
        })?;
    let broken = |error: &Error| format!("The recording cannot be decoded here: {error}.");
    let track = format
        .default_track(TrackType::Audio)
        .ok_or("There is no sound in the file.")?;
    let track_id = track.id;
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|parameters| parameters.audio())
        .ok_or("There is no sound in the file.")?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| broken(&error))?;

    let began = Instant::now();
    let mut blocks = Blocks::default();
    let mut rate = 0;
    let mut samples: Vec<f32> = Vec::new();
    let mut failure = None;
    while blocks.frames < MOST_FRAMES && began.elapsed() < LONGEST {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(error) => {
                failure = Some(error);
                break;
            }
        };
        if packet.track_id != track_id {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(sound) => {
                rate = sound.spec().rate();
                sound.copy_to_vec_interleaved(&mut samples);
                blocks.add(&samples, sound.num_planes());
            }
            // One bad packet; players go on too.
            Err(Error::DecodeError(_)) => {}
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    match (blocks.frames, failure) {
        (0, Some(error)) => Err(broken(&error)),
        (0, None) => Err("There is no sound in the file.".to_owned()),
        (frames, _) => Ok(Waveform {
            bars: blocks.bars(),
            seconds: frames as f64 / f64::from(rate.max(1)),
        }),
    }
}

/// The loudest sample of each block of frames.
#[derive(Default)]
struct Blocks {
    frames: usize,
    peaks: Vec<f32>,
}

impl Blocks {
    fn add(&mut self, samples: &[f32], channels: usize) {
        for frame in samples.chunks_exact(channels.max(1)) {
            let peak = frame.iter().map(|sample| sample.abs()).fold(0.0, f32::max);
            if self.frames.is_multiple_of(BLOCK) {
                self.peaks.push(0.0);
            }
            if let Some(last) = self.peaks.last_mut() {
                *last = last.max(peak);
            }
            self.frames += 1;
        }
    }

    /// As percent of the loudest.
    fn bars(&self) -> Vec<u8> {
        let loudest = self.peaks.iter().copied().fold(0.0, f32::max);
        let count = BARS.min(self.peaks.len());
        (0..count)
            .map(|bar| {
                let (from, to) = (
                    bar * self.peaks.len() / count,
                    (bar + 1) * self.peaks.len() / count,
                );
                let peak = self.peaks[from..to].iter().copied().fold(0.0, f32::max);
                if loudest > 0.0 {
                    (peak / loudest * 100.0) as u8
                } else {
                    0
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::waveform;

    /// 16-bit mono at 8 kHz.
    pub(super) fn wav(samples: &[i16]) -> Vec<u8> {
        let data: Vec<u8> = samples
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        let mut wav = b"RIFF".to_vec();
        wav.extend((36 + data.len() as u32).to_le_bytes());
        wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
        wav.extend((data.len() as u32).to_le_bytes());
        wav.extend(data);
        wav
    }

    #[test]
    fn quiet_and_loud_halves_are_seen() {
        let samples: Vec<i16> = (0..160_000)
            .map(|at| {
                let loud = if at < 80_000 { 3_000 } else { 30_000 };
                if at % 20 < 10 { loud } else { -loud }
            })
            .collect();
        let drawn = waveform(wav(&samples), "wav").unwrap();
        assert_eq!(drawn.seconds, 20.0);
        assert_eq!(drawn.bars.len(), 64);
        assert!(drawn.bars[..31].iter().all(|bar| (9..=11).contains(bar)));
        assert!(drawn.bars[33..].iter().all(|bar| *bar >= 99));
    }

    #[test]
    fn a_file_that_claims_more_than_it_holds_is_drawn_as_far_as_it_goes() {
        let mut cut = wav(&[1_000; 20_000]);
        cut.truncate(8_044);
        let drawn = waveform(cut, "wav").unwrap();
        assert!(drawn.seconds <= 0.5, "{}", drawn.seconds);
    }

    #[test]
    fn what_is_no_recording_says_so() {
        for (bytes, extension) in [
            (b"".to_vec(), "wav"),
            (b"hello, this is text and nothing else".to_vec(), "mp3"),
            (b"RIFF\xff\xff\xff\xffWAVE".to_vec(), "wav"),
            (wav(&[]), "wav"),
        ] {
            let why = waveform(bytes, extension).unwrap_err();
            assert!(
                why.ends_with('.') && why.contains("here") || why.contains("no sound"),
                "{why}"
            );
        }
    }

    #[test]
    fn no_prefix_of_a_recording_panics() {
        let whole = wav(&[1_000; 500]);
        for end in 0..whole.len() {
            // Some give what is there.
            let _ = waveform(whole[..end].to_vec(), "wav");
        }
    }
}

#[cfg(test)]
mod fuzz {
    use super::{BARS, MOST_FRAMES, tests::wav, waveform};

    /// Whatever the bytes are, a waveform is a few bars of a finite length, or there is a reason.
    #[test]
    fn sounds() {
        let recording = wav(&[1_000; 300]);
        // One frame of silence each: MPEG-1 layer III at 128 kbit/s, and FLAC's first block.
        let mut mp3 = vec![0xFF, 0xFB, 0x90, 0x64];
        mp3.resize(417, 0);
        let mp3 = mp3.repeat(3);
        let mut flac =
            b"fLaC\x80\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4\x40\xf0\0\0\x10\0".to_vec();
        flac.extend([0; 16]);
        flac.extend(b"\xff\xf8\xc9\x08\0\x2e\0\0\0\0\0\0");
        let ogg = b"OggS\0\x02\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x01\x1e\x01vorbis\0\0\0\0\x01\x44\xac\0\0\0\0\0\0\0\xee\x02\0\0\0\0\0\xb8\x01";
        let seeds: [&[u8]; 4] = [&recording, &mp3, &flac, ogg];
        let words = [
            "RIFF",
            "WAVE",
            "fmt ",
            "data",
            "LIST",
            "fact",
            "ID3\x04\0",
            "Xing",
            "LAME",
            "fLaC",
            "OggS",
            "\x01vorbis",
            "\x03vorbis",
            "\x05vorbis",
        ];
        ::fuzz::bytes("sounds", &seeds, &words, |input| {
            for extension in ["wav", "mp3"] {
                match waveform(input.to_vec(), extension) {
                    Ok(drawn) => {
                        assert!(
                            drawn.bars.len() <= BARS && drawn.bars.iter().all(|bar| *bar <= 100)
                        );
                        assert!(
                            (0.0..=2.0 * MOST_FRAMES as f64).contains(&drawn.seconds),
                            "{}",
                            drawn.seconds
                        );
                    }
                    Err(reason) => {
                        assert!(
                            reason.ends_with('.') && reason.chars().count() < 300,
                            "{reason}"
                        )
                    }
                }
            }
        });
    }
}
