"""``fer-keras recipes``."""

from __future__ import annotations

import click


@click.command("recipes")
@click.argument("name", required=False)
def command(name):
    """List the recipes, or print one with every default filled in."""
    from fer_keras.recipe.recipe import dump_recipe

    from ..recipe_files import recipe_names, resolve_recipe

    if name is None:
        click.echo("\n".join(recipe_names()))
        return
    click.echo(dump_recipe(resolve_recipe(None, name, ())), nl=False)
