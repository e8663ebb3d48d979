"""How the instance for a second call of a module is made, or why it cannot be."""

from __future__ import annotations

import ast
from dataclasses import replace

from rewriter.changes.made import MakeAgain, Tie
from rewriter.facts.functions.kept import stored_in_family
from rewriter.facts.instances.each_matters import handled_otherwise
from rewriter.facts.instances.interchangeable import always_has_state, has_state, is_stateless
from rewriter.facts.instances.memory import acts_as_module, says_what_is_equal, stores_later
from rewriter.facts.instances.storing_nothing import classes_of_parts, made_class
from rewriter.facts.making.construction import Construction
from rewriter.python.attributes import assignments_of, assigns_always, handled_from_outside, keeps_locals
from rewriter.python.code import Class, Function
from rewriter.python.hierarchy import CONTAINERS
from rewriter.python.trees import begin_of, end_of, named_parameters, walk
from rewriter.rules.constants import is_repeatable
from rewriter.rules.context import Context
from rewriter.sites.site import ModuleCall
from rewriter.torch_api import modules
from rewriter.values.modules import Made, Module
from rewriter.values.plain import Nothing


def maker_of(site: ModuleCall, context: Context, in_list: bool) -> MakeAgain | Tie | str:
    """How the second instance is made, or why it cannot be."""
    assert isinstance(context.place, Construction)
    cls, ref = context.place.cls, site.made
    if belongs_to_class(site, context):
        return Tie(site.attribute, None)
    if _is_stated(cls, site.attribute, context) and list(assignments_of(cls, site.attribute)):
        return "the class has something else under that name, which hides the module"
    made = ref.node.name if isinstance(ref, Class | Function) else (ref or "").rpartition(".")[2]
    is_picked = _is_picked(ref, context) or any(text in made for text in context.picked_texts)
    is_picked = is_picked and ref not in modules.WITH_PARAMETERS  # walks meet a handle of these under no class's name
    if is_picked and not isinstance(ref, Class):
        return "code picks modules of its class out of all, and would meet another one"
    make = _handle(site, context, in_list)
    is_hidden = isinstance(make, Tie) and any(
        is_picked or _has_its_say(cls, context)
        for cls in _classes_held(site, context)
        if not always_has_state(context.knowledge, cls)
    )
    return replace(make, hidden=True) if isinstance(make, Tie) and is_hidden else make


def _is_picked(made: Made, context: Context) -> bool:
    """Whether code asks for the class, or for one above it, among all modules."""
    if not isinstance(made, Class):
        return made in context.picked_classes
    project, above = context.knowledge.project, context.knowledge.hierarchy.lineage(made).project
    return any(project.find(name) in above for name in context.picked_classes)


def _handle(site: ModuleCall, context: Context, in_list: bool) -> MakeAgain | Tie | str:
    assert isinstance(context.place, Construction)
    cls, hierarchy, ref = context.place.cls, context.knowledge.hierarchy, site.made
    own = list(assignments_of(cls, site.attribute))
    above = [s for base in hierarchy.lineage(cls).project[1:] for s in assignments_of(base, site.attribute)]
    below = [s for sub in hierarchy.subclasses(cls) for s in assignments_of(sub, site.attribute)]
    if below and not own and not above:
        return "it is made by subclasses, of which there may be others"
    if len(own) + len(above) != 1 or below:
        return _made_in_several_places(site, context)
    if isinstance(ref, Class) and (why := _acts_otherwise(ref, context)) is not None:
        return why
    if above:
        inits = [base.constructor for base in hierarchy.lineage(cls).project[1:]]
        maker = next((init for init in inits if init is not None and above[0] in init.node.body), None)
        if maker is None:
            return "a base class makes it in some cases only, or outside of __init__"
        return Tie(site.attribute, None, _one_can_be(ref, above[0].value, maker, context))
    if context.place.init is None or own[0] not in set(walk(context.place.init.node)):
        return "it is not assigned in __init__"
    statement, anchor = own[0], context.place.anchor
    assert statement.value is not None
    if statement in context.place.init.node.body and (anchor is None or begin_of(statement) > begin_of(anchor)):
        return "it is assigned behind the place where new modules can be made"
    alone = handled_otherwise(context.knowledge, cls, site.attribute) is None
    alone = alone and not handled_from_outside(context.knowledge.hierarchy, site.attribute)
    plain = ref in modules.PARAMETER_FREE and _makes_another(statement.value, context.place.init, context)
    if plain and not in_list and alone and _says_it_all(site.attribute, statement.value):
        return MakeAgain(site.attribute, statement.value, statement)
    return Tie(site.attribute, statement, _one_can_be(ref, statement.value, context.place.init, context))


def _classes_held(site: ModuleCall, context: Context) -> set[Class]:
    """The classes of the project that what the attribute holds is known to be of."""
    assert isinstance(context.place, Construction)
    stored = stored_in_family(context.knowledge, context.place.cls, site.attribute)
    held = [site.made, *(part.made for _, _, value in stored for part in value.parts if isinstance(part, Module))]
    return {made for made in held if isinstance(made, Class)}


def _has_its_say(cls: Class, context: Context) -> bool:
    """Whether a walk that comes to a second instance as well would do something twice: count, store, or run a method
    of nn.Module's own."""
    return stores_later(context.knowledge, cls) or acts_as_module(context.knowledge, cls) is not None


def _acts_otherwise(cls: Class, context: Context) -> str | None:
    """Why a second instance of the class would be no stand-in for the first."""
    if has_state(context.knowledge, cls):
        return None
    if (name := says_what_is_equal(context.knowledge, cls)) is not None:
        return f"{cls.node.name} has its own {name}, which says whether a second instance is another one"
    parts = [part for part in classes_of_parts(context.knowledge, cls) if not has_state(context.knowledge, part)]
    if (part := next((part for part in parts if stores_later(context.knowledge, part)), None)) is not None:
        return f"its part {part.node.name} keeps something between calls"
    if (part := next((part for part in parts if acts_as_module(context.knowledge, part)), None)) is not None:
        return f"its part {part.node.name} has methods of nn.Module's own, which would run for the second one as well"
    return None


def _made_in_several_places(site: ModuleCall, context: Context) -> Tie | str:
    """A handle, made behind what `__init__` assigns: it stands for whichever module the object has, then and later."""
    assert isinstance(context.place, Construction)
    cls, hierarchy, init = context.place.cls, context.knowledge.hierarchy, context.place.init
    upper = hierarchy.lineage(cls).project
    inits = [base.constructor for base in upper if base.constructor is not None]
    if not any(assigns_always(maker.node.body, site.attribute) or _keeps(maker, site.attribute) for maker in inits):
        return "__init__ makes it in some cases only"
    inside = {id(node) for node in walk(init.node)} if init is not None else set()
    own = [store for store in assignments_of(cls, site.attribute) if id(store) in inside]
    if any(context.place.anchor is None or begin_of(s) > end_of(context.place.anchor) for s in own):
        return "it is assigned behind the place where new modules can be made"
    values = [value for _, _, value in stored_in_family(context.knowledge, cls, site.attribute)]
    classes = {v.made for value in values for v in value.parts if isinstance(v, Module) and isinstance(v.made, Class)}
    reasons = (_acts_otherwise(made, context) for made in sorted(classes, key=lambda made: made.name))
    if (why := next(filter(None, reasons), None)) is not None:
        return why
    held = {part for value in values for part in value.parts if not isinstance(part, Nothing)}
    known = all(isinstance(part, Module) and part.has_name for part in held)
    apart = [_can_be_taken_apart(part.made) for part in held if isinstance(part, Module)]
    return Tie(site.attribute, None, known and any(apart))


def _keeps(init: Function, attribute: str) -> bool:
    """Whether it sets a parameter of that name, by `set_attributes(self, locals())`."""
    spec = init.node.args
    return any(a.arg == attribute for a in named_parameters(spec)) and keeps_locals(init)


def _says_it_all(attribute: str, made: ast.expr) -> bool:
    """`self.relu = nn.ReLU(inplace=True)`: no setting and no other class that somebody would put there later.

    What is called `act` may become another activation, and what has a number may get another; a handle follows.
    """
    if not isinstance(made, ast.Call) or made.args or any(k.arg != "inplace" for k in made.keywords):
        return False
    cls = ast.unparse(made.func).rpartition(".")[2]
    return attribute.rstrip("_0123456789").replace("_", "").lower() == cls.lower()


def _makes_another(made: ast.expr, init: Function, context: Context) -> bool:
    """Whether the expression can run again: it calls a class, or what `__init__` was given, and no function of unknown
    effect."""
    if not isinstance(made, ast.Call) or not is_repeatable(made, init.node):
        return False
    if made_class(context.knowledge, made, init.name_inside) is not None:
        return True
    return not isinstance(made.func, ast.Attribute) and init.name_inside(made.func) is None


def _can_be_taken_apart(made: Made) -> bool:
    """Whether it is made of parts, each of which may have a handle: what these store, they store on the part itself."""
    return isinstance(made, Class) or made in CONTAINERS


def _one_can_be(ref: Made, made: ast.expr | None, maker: Function, context: Context) -> bool:
    """Whether so can what `self.enc = Encoder() if deep else nn.Identity()` makes, where each of both is known."""
    if not isinstance(made, ast.IfExp):
        return _can_be_taken_apart(ref)
    classes = [made_class(context.knowledge, part, maker.name_inside) for part in (made.body, made.orelse)]
    return None not in classes and any(_can_be_taken_apart(cls) for cls in classes)


def belongs_to_class(site: ModuleCall, context: Context) -> bool:
    """Whether the module stands in the class's body: all objects share it, and none has it as a child."""
    assert isinstance(context.place, Construction)
    cls, hierarchy, made = context.place.cls, context.knowledge.hierarchy, site.made
    if not _is_stated(cls, site.attribute, context) or not isinstance(made, str | Class):
        return False
    family = [*hierarchy.lineage(cls).project, *hierarchy.subclasses(cls)]
    stored = any(True for relative in family for _ in assignments_of(relative, site.attribute))
    return not stored and is_stateless(context.knowledge, made, across_objects=True)


def _is_stated(cls: Class, attribute: str, context: Context) -> bool:
    """Whether the body of the class, or of one above it, binds the name to a value."""
    bodies = (base.node.body for base in context.knowledge.hierarchy.lineage(cls).project)
    stated = [s for body in bodies for s in body if isinstance(s, ast.Assign)]
    return any(isinstance(t, ast.Name) and t.id == attribute for s in stated for t in s.targets)
