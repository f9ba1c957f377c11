"""The command: `lightgrid flow | work | ps | logs | state`."""
