//! A small JPEG of a picture, from bytes that may be anything.
//!
//! The sizes that the file claims are checked before anything is decoded; the decoders are written
//! in Rust and get what memory they may take. A drawing (SVG) is never interpreted.

use std::io::Cursor;

use image::{
    DynamicImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader, Limits, RgbImage,
    codecs::jpeg::JpegEncoder,
};
use model::budgets::{THUMBNAIL_MEMORY, THUMBNAIL_PIXELS};

/// Pixels of a thumbnail's longer side.
const SIDE: u32 = 320;
/// Characters of a decoder's words.
const LONGEST_REASON: usize = 200;
/// JPEG's, of 100.
const QUALITY: u8 = 80;

/// A JPEG of at most 320 by 320 pixels, upright; transparent parts are white.
///
/// # Errors
/// Why there is none, for people.
pub(super) fn thumbnail(bytes: &[u8]) -> Result<Vec<u8>, String> {
    const DRAWN: &str = "Longshore draws PNG, JPEG, GIF, WebP, BMP and TIFF";
    let format = image::guess_format(bytes)
        .map_err(|_| format!("This is not a picture of a kind known here. {DRAWN}."))?;
    if !format.reading_enabled() || format == ImageFormat::Ico {
        return Err(format!(
            "Pictures of the type {} are not drawn here. {DRAWN}.",
            format.to_mime_type()
        ));
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(THUMBNAIL_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(|error| reason(&error))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > THUMBNAIL_PIXELS {
        return Err(format!(
            "The picture is too large for a thumbnail: {width} by {height} pixels, and {} million are the limit.",
            THUMBNAIL_PIXELS / 1_000_000
        ));
    }
    let turned = decoder.orientation().map_err(|error| reason(&error))?;
    limits
        .reserve(decoder.total_bytes())
        .and_then(|()| decoder.set_limits(limits))
        .map_err(|error| reason(&error))?;
    let picture = DynamicImage::from_decoder(decoder).map_err(|error| reason(&error))?;
    let mut small = if width > SIDE || height > SIDE {
        picture.thumbnail(SIDE, SIDE)
    } else {
        picture
    };
    small.apply_orientation(turned);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode_image(&on_white(&small))
        .map_err(|error| reason(&error))?;
    Ok(jpeg)
}

/// JPEG has no transparency.
fn on_white(picture: &DynamicImage) -> RgbImage {
    let picture = picture.to_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        let over = |colour: u32| ((colour * alpha + 255 * (255 - alpha)) / 255) as u8;
        image::Rgb([over(red), over(green), over(blue)])
    })
}

fn reason(error: &ImageError) -> String {
    match error {
        ImageError::Limits(_) => format!(
            "The picture is too large for a thumbnail: decoding it takes more than {} MiB of memory.",
            THUMBNAIL_MEMORY >> 20
        ),
        ImageError::Unsupported(_) => {
            format!(
                "The picture is of a kind that is not drawn here: {}.",
                short(error)
            )
        }
        _ => format!("The picture is broken: {}.", short(error)),
    }
}

/// A decoder's own words: it may list what the file holds, as long as the file is.
fn short(error: &ImageError) -> String {
    let text = error.to_string();
    match text.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{
        DynamicImage, GenericImageView as _, ImageError, ImageFormat, Rgb, RgbImage, RgbaImage,
        error::{ImageFormatHint, UnsupportedError, UnsupportedErrorKind},
    };

    use super::{reason, thumbnail};

    fn written(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn red(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_pixel(width, height, Rgb([200, 0, 0])).into()
    }

    /// A PNG that claims a size, and holds nothing but its header.
    fn png_claiming(width: u32, height: u32) -> Vec<u8> {
        let mut png = written(&red(1, 1), ImageFormat::Png);
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let checksum = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&checksum.to_be_bytes());
        png
    }

    pub(super) fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
            })
        })
    }

    #[test]
    fn every_format_becomes_a_small_jpeg() {
        for format in [
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::Gif,
            ImageFormat::WebP,
            ImageFormat::Bmp,
            ImageFormat::Tiff,
        ] {
            let jpeg = thumbnail(&written(&red(800, 200), format)).unwrap();
            let small = image::load_from_memory(&jpeg).unwrap();
            assert_eq!(small.dimensions(), (320, 80), "{format:?}");
            let [r, g, b] = small.to_rgb8().get_pixel(100, 40).0;
            assert!(r > 180 && g < 20 && b < 20, "{format:?}");
        }
        let tiny = thumbnail(&written(&red(3, 2), ImageFormat::Png)).unwrap();
        let tiny = image::load_from_memory(&tiny).unwrap();
        assert_eq!(tiny.dimensions(), (3, 2), "small ones are not blown up");
    }

    #[test]
    fn transparent_parts_are_white() {
        let clear = RgbaImage::new(10, 10);
        let jpeg = thumbnail(&written(&clear.into(), ImageFormat::Png)).unwrap();
        let small = image::load_from_memory(&jpeg).unwrap().to_rgb8();
        assert!(small.get_pixel(5, 5).0.iter().all(|colour| *colour > 250));
    }

    #[test]
    fn a_camera_held_upright_gives_an_upright_picture() {
        let jpeg = written(&red(64, 16), ImageFormat::Jpeg);
        // Behind the first two bytes: an Exif segment that says "turn by 90 degrees" (orientation 6).
        let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let mut turned = jpeg[..2].to_vec();
        turned.extend([0xFF, 0xE1]);
        turned.extend((exif.len() as u16 + 2).to_be_bytes());
        turned.extend(exif);
        turned.extend(&jpeg[2..]);
        let small = image::load_from_memory(&thumbnail(&turned).unwrap()).unwrap();
        assert_eq!(small.dimensions(), (16, 64));
    }

    #[test]
    fn a_bomb_is_refused_by_its_claim() {
        for (width, height) in [(20_000, 20_000), (1 << 30, 1 << 30), (65_000_000, 1)] {
            let why = thumbnail(&png_claiming(width, height)).unwrap_err();
            assert!(why.contains("too large"), "{why}");
        }
        // Within the pixels, beyond the memory: 16 bits a channel.
        let mut deep = png_claiming(7_900, 8_000);
        (deep[24], deep[25]) = (16, 6);
        let checksum = crc32(&deep[12..29]);
        deep[29..33].copy_from_slice(&checksum.to_be_bytes());
        let why = thumbnail(&deep).unwrap_err();
        assert!(
            why.contains("too large") && why.contains("256 MiB"),
            "{why}"
        );
    }

    #[test]
    fn what_is_no_picture_says_so() {
        let png = written(&red(300, 300), ImageFormat::Png);
        let why = thumbnail(&png[..png.len() / 2]).unwrap_err();
        assert!(why.contains("broken"), "{why}");
        let jpeg = written(&red(300, 300), ImageFormat::Jpeg);
        let why = thumbnail(&jpeg[..40]).unwrap_err();
        assert!(why.contains("broken"), "{why}");
        for other in [
            &b""[..],
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"text",
        ] {
            assert!(thumbnail(other).unwrap_err().contains("not a picture"));
        }
    }

    #[test]
    fn a_reason_is_short_whatever_the_file_holds() {
        let feature = UnsupportedErrorKind::GenericFeature("Unknown(0), ".repeat(1_000));
        let hint = ImageFormatHint::Exact(ImageFormat::Tiff);
        let error = UnsupportedError::from_format_and_kind(hint, feature);
        let why = reason(&ImageError::Unsupported(error));
        assert!(why.ends_with("….") && why.chars().count() < 300, "{why}");
    }

    #[test]
    fn no_prefix_of_a_picture_panics() {
        for format in [
            ImageFormat::Png,
            ImageFormat::Gif,
            ImageFormat::WebP,
            ImageFormat::Tiff,
        ] {
            let bytes = written(&red(40, 40), format);
            for end in 0..bytes.len() {
                // Some give a picture of what is there.
                let _ = thumbnail(&bytes[..end]);
            }
        }
    }
}

#[cfg(test)]
mod fuzz {
    use std::io::Cursor;

    use image::{DynamicImage, GenericImageView as _, ImageFormat, RgbaImage};

    use super::{SIDE, tests::crc32, thumbnail};

    /// A PNG with every checksum right: a change behind one would reach no decoder else.
    fn checked(mut png: Vec<u8>) -> Vec<u8> {
        let mut at = 8;
        while let Some(length) = png.get(at..at + 4) {
            let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
            let Some(end) = at
                .checked_add(8 + length)
                .filter(|end| end + 4 <= png.len())
            else {
                break;
            };
            let checksum = crc32(&png[at + 4..end]);
            png[end..end + 4].copy_from_slice(&checksum.to_be_bytes());
            at = end + 4;
        }
        png
    }

    /// Whatever the bytes are, a thumbnail is a small JPEG, or there is a reason why not.
    #[test]
    fn pictures() {
        let picture: DynamicImage = RgbaImage::from_fn(19, 13, |x, y| {
            image::Rgba([x as u8 * 13, y as u8 * 19, (x * y) as u8, 255 - y as u8])
        })
        .into();
        let seeds: Vec<Vec<u8>> = [
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::Gif,
            ImageFormat::WebP,
            ImageFormat::Bmp,
            ImageFormat::Tiff,
        ]
        .into_iter()
        .map(|format| {
            let picture = match format {
                ImageFormat::Jpeg => picture.to_rgb8().into(),
                _ => picture.clone(),
            };
            let mut bytes = Cursor::new(Vec::new());
            picture.write_to(&mut bytes, format).expect("written");
            bytes.into_inner()
        })
        .collect();
        let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
        let words = [
            "IHDR", "IDAT", "PLTE", "tRNS", "acTL", "fcTL", "fdAT", "iCCP", "eXIf", "GIF89a",
            "RIFF", "WEBPVP8X", "ALPH", "ANIM", "ANMF", "II*\0", "MM\0*", "BM", "Exif\0\0",
        ];
        ::fuzz::bytes("pictures", &seeds, &words, |input| {
            let mut tried = vec![input.to_vec()];
            if input.starts_with(b"\x89PNG") {
                tried.push(checked(input.to_vec()));
            }
            for bytes in tried {
                match thumbnail(&bytes) {
                    Ok(jpeg) => {
                        let small = image::load_from_memory_with_format(&jpeg, ImageFormat::Jpeg);
                        let (width, height) = small.expect("a JPEG").dimensions();
                        assert!((1..=SIDE).contains(&width) && (1..=SIDE).contains(&height));
                        assert!(jpeg.len() < 400_000);
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
