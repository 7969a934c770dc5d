"""``fer-keras recipes``."""

from __future__ import annotations

import click


@click.command("recipes")
@click.argument("name", required=False)
@click.option("--names", is_flag=True, help="Names only.")
def command(name, names):
    """List the recipes, one line each, or print one with every default filled in.

    \b
    fer-keras recipes cnn > my.yaml
    fer-keras train --recipe my.yaml --data fer2013.csv
    """
    from fer_keras.recipe.named_recipes import recipe_names, recipe_titles, resolve_recipe
    from fer_keras.recipe.recipe import dump_recipe

    if name is not None:
        click.echo(dump_recipe(resolve_recipe(None, name, ())), nl=False)
        return
    titles = dict.fromkeys(recipe_names(), "") if names else recipe_titles()
    width = max(map(len, titles))
    for recipe, title in titles.items():
        click.echo(f"{recipe:<{width}}  {title}".rstrip())
