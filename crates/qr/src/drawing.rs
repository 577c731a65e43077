//! SVG -> pixels, by resvg, within bounds: what a drawing costs is added up before it is built and before it is drawn.
//! See docs/decisions/0236.

use std::collections::HashMap;
use std::thread;

use image::{DynamicImage, RgbaImage};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::roxmltree::{Document, Node, NodeId, ParsingOptions};
use resvg::usvg::{self, ImageHrefResolver, Options, Tree};
use zeroize::Zeroizing;

use super::PictureError;
use crate::quiet;

/// The largest code has 177 modules; one with a module for each rectangle takes a tenth of this.
const MOST_BYTES: usize = 16 << 20;
/// Elements, texts and comments.
const MOST_NODES: u32 = 1 << 20;
/// Elements in elements, those that are used from elsewhere among them. Drawing calls itself for each, and a group may
/// hold a picture of its own meanwhile.
const DEPTH: usize = 64;
/// Groups that are drawn apart, in each other.
const LAYERS: usize = 8;
/// Everything written out, as often as it is used: bytes, and a price for each element.
const MOST_WRITTEN_OUT: usize = 32 << 20;
/// What an element costs beside its attributes.
const ELEMENT: usize = 64;
/// Pixels of the longer side: more than ten for a module of the largest code.
const SIDE: f32 = 2048.0;
/// Pixels that are painted, one over the other, and rows that lines are followed through: nearly forty times the picture.
const MOST_PAINTED: f64 = 1.5e8;
/// Of the thread that draws.
const STACK_BYTES: usize = 16 << 20;

/// Whether a file is SVG: its first element says so.
pub(super) fn is_svg(bytes: &[u8]) -> bool {
    root(bytes).is_some()
}

/// As text, and where its first element begins.
fn root(bytes: &[u8]) -> Option<(&str, usize)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rest = text.trim_start();
    loop {
        let end = if rest.starts_with("<?") {
            rest.find("?>")? + 2
        } else if rest.starts_with("<!--") {
            rest.find("-->")? + 3
        } else if rest.starts_with("<!DOCTYPE") {
            let end = rest.find('>')?;
            match rest[..end].contains('[') {
                true => {
                    rest.find("]>")
                        .or_else(|| rest.find("] >").map(|at| at + 1))?
                        + 2
                }
                false => end + 1,
            }
        } else {
            break;
        };
        rest = rest[end..].trim_start();
    }
    let name = rest.strip_prefix('<')?;
    let name = &name[..name.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/'))?];
    let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
    (local == "svg").then_some((text, text.len() - rest.len()))
}

/// Draws the file.
///
/// # Errors
/// [`PictureError::Damaged`]; [`PictureError::TooLarge`] where drawing it costs more than a picture of a code does.
///
/// # Security
/// Nothing is opened or fetched: pictures in it, and everything else that lies elsewhere, are left out.
pub(super) fn draw(bytes: &[u8]) -> Result<DynamicImage, PictureError> {
    let (text, begins) = root(bytes).ok_or(PictureError::Damaged)?;
    if text.len() > MOST_BYTES || entities(text, begins) > MOST_WRITTEN_OUT {
        return Err(PictureError::TooLarge);
    }
    // A thread for the stack alone.
    let drawn = thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        let running = thread.spawn_scoped(scope, || quiet::catch(|| draw_text(text)));
        running.ok()?.join().ok().flatten()
    });
    drawn.unwrap_or(Err(PictureError::Damaged))
}

fn draw_text(text: &str) -> Result<DynamicImage, PictureError> {
    let text = plain(text);
    let options = ParsingOptions {
        // Many programs write a document type; what its entities grow to was counted.
        allow_dtd: true,
        nodes_limit: MOST_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(&text, options).map_err(|error| match error {
        usvg::roxmltree::Error::NodesLimitReached => PictureError::TooLarge,
        _ => PictureError::Damaged,
    })?;
    WrittenOut::of(&document)?;
    let options = Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    let tree = Tree::from_xmltree(&document, &options).map_err(|error| match error {
        usvg::Error::ElementsLimitReached => PictureError::TooLarge,
        _ => PictureError::Damaged,
    })?;
    let (width, height) = (tree.size().width(), tree.size().height());
    let scale = SIDE / width.max(height);
    let side = |length: f32| (length * scale).ceil().clamp(1.0, SIDE) as u32;
    let (across, down) = (side(width), side(height));
    let canvas = f64::from(across) * f64::from(down);
    let mut painted = Painted {
        canvas,
        left: MOST_PAINTED,
    };
    painted.group(tree.root(), f64::from(scale) * f64::from(scale), 0)?;
    let mut pixmap = Pixmap::new(across, down).ok_or(PictureError::TooLarge)?;
    let to_pixels = Transform::from_scale(across as f32 / width, down as f32 / height);
    resvg::render(&tree, to_pixels, &mut pixmap.as_mut());
    let picture = RgbaImage::from_raw(across, down, pixmap.take_demultiplied());
    picture.map(DynamicImage::from).ok_or(PictureError::Damaged)
}

/// Without what no QR code needs and what costs more than can be told beforehand: names that nobody knows are left out,
/// with all that is in them.
fn plain(text: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(text.to_owned());
    for costly in ["filter", "marker", "mask", "pattern"] {
        let other = format!("x{}", &costly[1..]);
        text = Zeroizing::new(text.replace(costly, &other));
    }
    text
}

/// How long the document's own entities are, as often as they could be used. Those that use each other are refused.
fn entities(text: &str, begins: usize) -> usize {
    let head = &text[..begins];
    if !head.contains("<!ENTITY") {
        return 0;
    }
    match head.contains(['&', '%']) {
        true => usize::MAX,
        false => head.len().saturating_mul(text.matches('&').count()),
    }
}

/// Adds up what a document holds when everything that is used elsewhere is written out there.
struct WrittenOut<'d, 'i> {
    by_id: HashMap<&'d str, Node<'d, 'i>>,
    /// Each element is held against each rule.
    rules: usize,
    left: usize,
}

impl<'d, 'i> WrittenOut<'d, 'i> {
    fn of(document: &'d Document<'i>) -> Result<(), PictureError> {
        let elements = document.descendants().filter(Node::is_element);
        let by_id = elements.filter_map(|node| Some((node.attribute("id")?, node)));
        let styles = document
            .descendants()
            .filter(|node| node.has_tag_name("style") || node.tag_name().name() == "style");
        let styles = styles
            .flat_map(|style| style.children())
            .filter_map(|text| text.text());
        let mut rules = 0;
        for style in styles {
            // A rule could use something for every element there is.
            if style.contains("url(") {
                return Err(PictureError::TooLarge);
            }
            rules += style.matches('{').count();
        }
        let mut written_out = WrittenOut {
            by_id: by_id.collect(),
            rules,
            left: MOST_WRITTEN_OUT,
        };
        written_out.element(document.root_element(), 0)
    }

    fn element(&mut self, element: Node<'d, 'i>, depth: usize) -> Result<(), PictureError> {
        let attributes = element.attributes();
        let bytes: usize = attributes.clone().map(|a| a.value().len()).sum();
        let cost = ELEMENT + self.rules + bytes;
        self.left = self.left.checked_sub(cost).ok_or(PictureError::TooLarge)?;
        if depth == DEPTH {
            return Err(PictureError::TooLarge);
        }
        let mut used: Vec<NodeId> = Vec::new();
        for attribute in attributes {
            let value = attribute.value();
            let whole = value
                .strip_prefix('#')
                .filter(|_| attribute.name() == "href");
            let parts = value
                .split("url(")
                .skip(1)
                .filter_map(|rest| rest.split(')').next());
            let parts = parts.filter_map(|id| id.trim_matches([' ', '"', '\'']).strip_prefix('#'));
            let ids = whole.into_iter().chain(parts);
            used.extend(ids.filter_map(|id| self.by_id.get(id)).map(Node::id));
        }
        for child in element.children().filter(Node::is_element) {
            self.element(child, depth + 1)?;
        }
        for id in used {
            let node = element
                .document()
                .get_node(id)
                .ok_or(PictureError::Damaged)?;
            self.element(node, depth + 1)?;
        }
        Ok(())
    }
}

/// Adds up the pixels that drawing touches.
struct Painted {
    canvas: f64,
    left: f64,
}

impl Painted {
    /// `pixels`: how many a square of the tree's units has.
    fn group(
        &mut self,
        group: &usvg::Group,
        pixels: f64,
        layers: usize,
    ) -> Result<(), PictureError> {
        self.pay(ELEMENT as f64)?;
        let mut layers = layers;
        if group.should_isolate() {
            layers += 1;
            self.pay(
                2.0 * self
                    .canvas
                    .min(area(group.abs_layer_bounding_box().to_rect()) * pixels),
            )?;
        }
        if layers > LAYERS || !group.filters().is_empty() || group.mask().is_some() {
            return Err(PictureError::TooLarge);
        }
        let mut clip = group.clip_path();
        while let Some(path) = clip {
            layers += 1;
            self.pay(2.0 * self.canvas)?;
            let place = group.abs_transform().pre_concat(path.transform());
            let turned = f64::from(place.sx * place.sy - place.kx * place.ky).abs();
            self.group(path.root(), pixels * turned, layers)?;
            clip = path.clip_path();
        }
        for node in group.children() {
            match node {
                usvg::Node::Group(group) => self.group(group, pixels, layers)?,
                usvg::Node::Path(path) => self.path(path, pixels)?,
                // Neither is made without the features for it.
                usvg::Node::Image(_) | usvg::Node::Text(_) => {}
            }
        }
        Ok(())
    }

    fn path(&mut self, path: &usvg::Path, pixels: f64) -> Result<(), PictureError> {
        let covered = self
            .canvas
            .min(area(path.abs_stroke_bounding_box()) * pixels);
        let place = path.abs_transform();
        let stretch = (place.sx.abs() + place.kx.abs()).max(place.sy.abs() + place.ky.abs());
        let stretch = f64::from(stretch) * pixels.sqrt();
        let points = path.data().points();
        let moved = points.windows(2).map(|two| {
            let by = f64::from((two[1].x - two[0].x).abs() + (two[1].y - two[0].y).abs());
            (by * stretch).min(2.0 * f64::from(SIDE))
        });
        // Each line is followed through the rows that it crosses, four times each.
        let outline = moved.sum::<f64>() * 4.0 + points.len() as f64 * 16.0;
        let strokes = match path.stroke() {
            None => 0.0,
            Some(stroke) if stroke.dasharray().is_some() => MOST_PAINTED / 4.0,
            Some(_) => 8.0 * outline + covered,
        };
        self.pay(ELEMENT as f64 + covered + outline + strokes)
    }

    fn pay(&mut self, pixels: f64) -> Result<(), PictureError> {
        self.left -= pixels;
        // Not a number is not worth anything.
        match self.left >= 0.0 {
            true => Ok(()),
            false => Err(PictureError::TooLarge),
        }
    }
}

fn area(of: usvg::Rect) -> f64 {
    f64::from(of.width()) * f64::from(of.height())
}
