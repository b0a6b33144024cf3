"""which device is the phone"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'e91b4c7d05fa'
down_revision = 'd1f7a3b8e624'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('line', schema=None) as batch_op:
        batch_op.add_column(sa.Column('device', sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column('device_until', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('line', schema=None) as batch_op:
        batch_op.drop_column('device_until')
        batch_op.drop_column('device')
