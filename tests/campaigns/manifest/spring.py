"""A manifest without a mistake, and the files beside it."""

from __future__ import annotations

MANIFEST = """\
apiVersion: offers/v1
campaign: spring
variables:
  cdn: https://cdn.example.com
defaults:
  status: approved
  window:
    start: 2027-03-01
    duration: P31D
    timezone: Europe/Paris
targets:
  dev:
    connection: ajo_dev
  prod:
    connection: ajo
    sandbox: prod
    protected: true
    variables:
      cdn: https://cdn.example.org
external:
  placements:
    - Web hero
tags:
  - name: Spring
rules:
  - name: Gold
    condition:
      type: PQL
      format: pql/text
      value: loyalty.tier.equals("gold", false)
offers:
  - for_each: offers.csv
    name: Spring {{ row.name }}
    tags:
      - name:Spring
    rank:
      priority: "{{ row.priority }}"
    cappingConstraint:
      profileCap: "{{ row.cap }}"
    representations:
      - placement: name:Web hero
        components:
          - type: imagelink
            format: image/png
            deliveryURL: "{{ var.cdn }}/{{ row.image }}"
    lifecycle:
      ignore_changes:
        - /rank/priority
fallbacks:
  - name: Welcome
    representations: !include welcome.json
collections:
  - name: Spring set
    filterType: any-tags
    ids:
      - name:Spring
decisions:
  - name: Hero
    status: live
    fallback: name:Welcome
    criteria:
      - placements:
          - name:Web hero
        optionSelection:
          filter: name:Spring set
    lifecycle:
      prevent_destroy: true
moved:
  - kind: offer
    from: Spring towel
    to: Spring towels
"""
ROWS = """\
name,priority,cap,image,start
towels,30,3,towels.png,2027-03-01
parasols,20,,parasols.png,2027-03-08
"""
WELCOME = """\
[
  {
    "placement": "name:Web hero",
    "components": [
      {"type": "html", "format": "text/html", "content": "<p>Welcome</p>"}
    ]
  }
]
"""
FILES: dict[str, str | bytes] = {"campaign.yaml": MANIFEST, "offers.csv": ROWS, "welcome.json": WELCOME}
