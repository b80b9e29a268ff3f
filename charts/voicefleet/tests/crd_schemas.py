"""Makes JSON schemas of the objects that are not Kubernetes' own, from published Python models of them.

The models are generated from the CRDs, class by class, so their text is read and nothing of them runs. What a class does
not name is refused, as a server with strict validation does.
usage: crd_schemas.py OUTPUT.json WHEEL...
"""

import ast
import json
import sys
import zipfile

WANTED = {"ScaledObject", "TriggerAuthentication", "PodMonitor", "PrometheusRule"}
BOUNDS = {
    "ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum",
    "min_length": "min", "max_length": "max", "pattern": "pattern",
}
SIMPLE = {
    "str": {"type": "string"}, "int": {"type": "integer"}, "float": {"type": "number"}, "bool": {"type": "boolean"},
    "AwareDatetime": {"type": "string"}, "None": {"type": "null"}, "Any": {}, "dict": {"type": "object"},
    "ObjectMeta": {"type": "object"},
}


class Module:
    """The classes of one module, and the schemas made of them so far."""

    def __init__(self, text):
        self.classes = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}
        self.definitions = {}

    def of_class(self, name):
        if name not in self.definitions:
            self.definitions[name] = {}  # a class may contain itself
            self.definitions[name].update(self.body(self.classes[name]))
        return {"$ref": f"#/definitions/{name}"}

    def body(self, node):
        base = node.bases[0]
        if isinstance(base, ast.Subscript) and base.value.id == "RootModel":
            [root] = [field for field in fields(node) if field.target.id == "root"]
            return self.of_type(root.annotation)
        properties, required = {}, []
        for field in fields(node):
            name, schema = self.of_field(field)
            properties[name] = schema
            if field.value is None:
                required.append(name)
        return {"type": "object", "additionalProperties": False, "properties": properties, "required": required}

    def of_field(self, field):
        name = field.target.id
        kind = field.annotation
        if isinstance(kind, ast.Subscript) and kind.value.id == "Annotated":
            for keyword in kind.slice.elts[1].keywords:
                if keyword.arg == "alias":
                    name = ast.literal_eval(keyword.value)
        return name, self.of_type(kind)

    def of_type(self, kind):
        if isinstance(kind, ast.Constant) and kind.value is None:
            return {"type": "null"}
        if isinstance(kind, ast.Constant) and isinstance(kind.value, str):
            return self.of_class(kind.value)
        if isinstance(kind, ast.Name):
            return dict(SIMPLE[kind.id]) if kind.id in SIMPLE else self.of_class(kind.id)
        if isinstance(kind, ast.BinOp):
            # Null is what the models add to what may be left out. A server refuses it.
            both = [self.of_type(side) for side in (kind.left, kind.right)]
            real = [schema for schema in both if schema != {"type": "null"}]
            return real[0] if len(real) == 1 else {"anyOf": real}
        outer, inner = kind.value.id, kind.slice
        if outer == "list":
            return {"type": "array", "items": self.of_type(inner)}
        if outer == "dict":
            return {"type": "object", "additionalProperties": self.of_type(inner.elts[1])}
        if outer == "Literal":
            values = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return {"enum": [ast.literal_eval(value) for value in values]}
        if outer == "Annotated":
            return bounded(self.of_type(inner.elts[0]), inner.elts[1].keywords)
        raise ValueError(f"unknown type {ast.unparse(kind)}")


def fields(node):
    return [
        item for item in node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and "ClassVar" not in ast.unparse(item)
    ]


def bounded(schema, keywords):
    bounds = {}
    for keyword in keywords:
        if keyword.arg not in BOUNDS:
            continue
        name, value = BOUNDS[keyword.arg], ast.literal_eval(keyword.value)
        if name in ("min", "max"):
            name += "Items" if schema.get("type") == "array" else "Length"
        if name == "pattern":
            value = value.replace("(?i)", "")  # Go allows it anywhere, Python only in front
        bounds[name] = value
    return {**schema, **bounds} if "$ref" not in schema else {"allOf": [schema], **bounds}


def main(output, wheels):
    schemas = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as package:
            for name in package.namelist():
                if not name.endswith(("/keda/v1alpha1.py", "/prometheus_operator/v1.py")):
                    continue
                module = Module(package.read(name).decode())
                for kind in sorted(WANTED & module.classes.keys()):
                    root = module.of_class(kind)
                    fixed = module.definitions[kind]["properties"]["apiVersion"]["enum"][0]
                    schemas[f"{fixed}/{kind}"] = root
                for kind in WANTED & module.classes.keys():
                    key = next(key for key in schemas if key.endswith("/" + kind))
                    schemas[key] = {**schemas[key], "definitions": module.definitions}
    missing = WANTED - {key.rsplit("/", 1)[1] for key in schemas}
    if missing:
        sys.exit(f"no schema was found of {sorted(missing)}")
    with open(output, "w") as file:
        json.dump(schemas, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
