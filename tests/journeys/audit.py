"""Whether a page is accessible, and fits, as it stands in a browser."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

import webapp

AXE = Path(webapp.__file__).parent / "assets" / "node_modules" / "axe-core" / "axe.min.js"
SIZES = ({"width": 1440, "height": 900}, {"width": 390, "height": 844})


def wider(page: Page, name: str) -> list[str]:
    found = []
    for width in (1440, 1280, 1279, 800, 390):
        page.set_viewport_size({"width": width, "height": 800})
        beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found += [f"{name} at {width}: {beyond}"] if beyond > 0 else []
    page.set_viewport_size(SIZES[0])  # type: ignore[arg-type]
    return found


# a theme is colours, so the second one is asked about them alone
THEMES = {
    "light": "{ resultTypes: ['violations'] }",
    "dark": "{ resultTypes: ['violations'], runOnly: ['color-contrast'] }",
}


def audit(page: Page, name: str) -> list[str]:
    page.add_script_tag(path=AXE)
    found = []
    for size in SIZES:
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for theme, asked in THEMES.items():
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            told = page.evaluate(f"axe.run(document, {asked})")
            found += [
                f"{name}, {size['width']} px, {theme}: {violation['id']} ({violation['help']}) at "
                + "; ".join(str(node["target"]) + " " + node["html"][:160] for node in violation["nodes"][:3])
                for violation in told["violations"]
            ]
    page.set_viewport_size(SIZES[0])  # type: ignore[arg-type]
    return found
