"""The routes of the published contract, one file per subject; `app` lists them."""
