"""pages that are gone"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'c5d90e17b2a4'
down_revision = 'e07b5d3c91f4'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('handling', schema=None) as batch_op:
        batch_op.add_column(sa.Column('rescued_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('handling', schema=None) as batch_op:
        batch_op.drop_column('rescued_at')
