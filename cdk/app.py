"""The CDK app: `app.py [CONFIG [OUTPUT]]`. Run by `make synth`, and by the CDK's own command (`cdk.json`)."""

import sys

from voice_cdk.synthesis import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
