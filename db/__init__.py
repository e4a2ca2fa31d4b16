"""The ground of Strongroom: settings, models, migrations, sealing, and every rule of the business."""
