//! From a schema as written to its compiled form.

use std::collections::HashMap;

use super::{Conditional, Node, NodeIndex, Schema, Test};
use crate::json::Symbols;
use crate::language::{Diagnostics, SchemaSpec, SchemaType, Spanned};

const REFERENCE_HELP: &str = "write `#` for the root or `#/definitions/NAME` for a definition";

impl Schema {
    /// Compiles an endpoint's schema; references go to the rule set's `definitions`.
    ///
    /// `None` if there was an error, which is then in `diagnostics`.
    pub fn compile(
        spec: &SchemaSpec,
        definitions: &[(Spanned<String>, SchemaSpec)],
        symbols: &mut Symbols,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let mut compiler = Compiler::new(definitions, symbols, diagnostics);
        let root = compiler.schema(spec);
        compiler.pending();
        compiler.check_root(root, spec);
        compiler.finish(root)
    }
}

struct Compiler<'a> {
    nodes: Vec<Node>,
    definitions: HashMap<&'a str, &'a SchemaSpec>,
    compiled: HashMap<&'a str, NodeIndex>,
    waiting: Vec<(&'a SchemaSpec, NodeIndex)>,
    symbols: &'a mut Symbols,
    diagnostics: &'a mut Diagnostics,
    failed: bool,
    can_mismatch: bool,
}

impl<'a> Compiler<'a> {
    fn new(
        definitions: &'a [(Spanned<String>, SchemaSpec)],
        symbols: &'a mut Symbols,
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
        let by_name = definitions
            .iter()
            .map(|(name, spec)| (name.value.as_str(), spec));
        Self {
            nodes: Vec::new(),
            definitions: by_name.collect(),
            compiled: HashMap::new(),
            waiting: Vec::new(),
            symbols,
            diagnostics,
            failed: false,
            can_mismatch: false,
        }
    }

    fn finish(self, root: NodeIndex) -> Option<Schema> {
        let (nodes, can_mismatch) = (self.nodes, self.can_mismatch);
        (!self.failed).then_some(Schema {
            nodes,
            root,
            can_mismatch,
        })
    }

    fn schema(&mut self, spec: &'a SchemaSpec) -> NodeIndex {
        let index = self.push(Node::Nothing);
        let node = self.node(spec);
        if let Some(place) = self.nodes.get_mut(index) {
            *place = node;
        }
        index
    }

    fn node(&mut self, spec: &'a SchemaSpec) -> Node {
        if let Some(reference) = &spec.reference {
            return self.reference(reference);
        }
        if let Some(alternatives) = &spec.any_of {
            return Node::AnyOf(alternatives.iter().map(|spec| self.schema(spec)).collect());
        }
        let Some(kind) = effective_type(spec) else {
            self.refuse_untyped(spec);
            return Node::Scalar;
        };
        if let Some(condition) = &spec.condition {
            return self.conditional(condition, spec);
        }
        if let Some(constant) = &spec.constant {
            self.can_mismatch = true;
            return Node::Constant(constant.value.as_str().into());
        }
        match kind {
            SchemaType::Object => {
                let members = spec.properties.iter().flatten();
                let members = members
                    .map(|(name, member)| (self.symbols.intern(&name.value), self.schema(member)));
                Node::Object(members.collect())
            }
            SchemaType::Array => self.array(spec),
            SchemaType::String => Node::String,
            SchemaType::Integer => Node::Integer,
            SchemaType::Number => Node::Number,
            SchemaType::Boolean => Node::Boolean,
            SchemaType::Null => Node::Nothing,
            SchemaType::AnyScalar => Node::Scalar,
        }
    }

    fn array(&mut self, spec: &'a SchemaSpec) -> Node {
        if spec.items.is_none() {
            self.diagnostics.warning(
                "schema-array-without-items",
                spec.span,
                "this array has no `items`, so all its elements are dropped",
                "describe the elements in `items`",
            );
        }
        Node::Array(spec.items.as_deref().map(|items| self.schema(items)))
    }

    fn reference(&mut self, reference: &'a Spanned<String>) -> Node {
        let text = reference.value.as_str();
        let Some(name) = text.strip_prefix("#/definitions/") else {
            let message = if text == "#" {
                "`#` means the rule set itself here, which has no type, so nothing would stay"
            } else {
                "this reference does not lead to a definition"
            };
            self.error("schema-reference", reference, message, REFERENCE_HELP);
            return Node::Nothing;
        };
        if let Some(&index) = self.compiled.get(name) {
            return Node::Same(index);
        }
        let Some(&spec) = self.definitions.get(name) else {
            let mut known = self.definitions.keys().copied().collect::<Vec<_>>();
            known.sort_unstable();
            let help = format!("definitions of this rule set: {}", known.join(", "));
            self.error(
                "schema-reference",
                reference,
                "there is no such definition",
                &help,
            );
            return Node::Nothing;
        };
        let index = self.push(Node::Nothing);
        self.compiled.insert(name, index);
        self.waiting.push((spec, index));
        Node::Same(index)
    }

    /// Compiles the definitions that were met, and those that they mention.
    fn pending(&mut self) {
        while let Some((spec, index)) = self.waiting.pop() {
            let node = self.node(spec);
            if let Some(place) = self.nodes.get_mut(index) {
                *place = node;
            }
        }
    }

    fn conditional(&mut self, condition: &'a SchemaSpec, spec: &'a SchemaSpec) -> Node {
        self.can_mismatch = true;
        let consequence = spec
            .consequence
            .as_deref()
            .filter(|then| then.properties.is_some());
        let (Some(condition), Some(consequence)) = (self.test(condition), consequence) else {
            self.failed = true;
            self.diagnostics.error(
                "schema-condition",
                spec.span,
                "this condition can't be evaluated",
                "give `if` and `then` (and `else`) at least one entry in `properties`",
            );
            return Node::Nothing;
        };
        let alternative = spec.alternative.as_deref().and_then(|spec| self.test(spec));
        let consequence = self.schema(consequence);
        Node::Conditional(Conditional {
            condition,
            alternative,
            consequence,
        })
    }

    /// The first property by name decides.
    fn test(&mut self, spec: &'a SchemaSpec) -> Option<Test> {
        let properties = spec.properties.as_ref()?;
        let (name, schema) = properties.iter().min_by(|a, b| a.0.value.cmp(&b.0.value))?;
        Some(Test {
            member: self.symbols.intern(&name.value),
            schema: self.schema(schema),
        })
    }

    fn refuse_untyped(&mut self, spec: &SchemaSpec) {
        if spec.condition.is_none() && spec.constant.is_none() {
            return;
        }
        self.failed = true;
        self.diagnostics.error(
            "schema-untyped",
            spec.span,
            "`const` and `if` have no effect without `type`",
            "add the `type` of the value",
        );
    }

    /// Refuses a schema whose root lets nothing through, or says nothing.
    fn check_root(&mut self, root: NodeIndex, spec: &SchemaSpec) {
        let mut at = root;
        for _ in 0..=self.nodes.len() {
            match self.nodes.get(at) {
                Some(&Node::Same(next)) => at = next,
                Some(Node::Scalar) if !self.failed => {
                    self.failed = true;
                    self.diagnostics.error(
                        "schema-root-untyped",
                        spec.span,
                        "the schema does not say whether the response is an object or an array",
                        "add `type: object` with `properties`, or `type: array` with `items`",
                    );
                    return;
                }
                _ => return,
            }
        }
        self.failed = true;
        self.diagnostics.error(
            "schema-reference",
            spec.span,
            "this reference leads only to itself",
            "describe the value in the definition",
        );
    }

    fn error(&mut self, code: &'static str, at: &Spanned<String>, message: &str, help: &str) {
        self.failed = true;
        self.diagnostics
            .error(code, at.span, format!("{message}: `{}`", at.value), help);
    }

    fn push(&mut self, node: Node) -> NodeIndex {
        self.nodes.push(node);
        self.nodes.len() - 1
    }
}

/// The type as written, or as `properties` and `items` tell it.
fn effective_type(spec: &SchemaSpec) -> Option<SchemaType> {
    match &spec.kind {
        Some(kind) if kind.value != SchemaType::AnyScalar => Some(kind.value),
        _ if spec.properties.is_some() || spec.consequence.is_some() => Some(SchemaType::Object),
        _ if spec.items.is_some() => Some(SchemaType::Array),
        _ => None,
    }
}
