"""how loud it rings"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'd1f7a3b8e624'
down_revision = 'c5d90e17b2a4'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.add_column(sa.Column('ring_volume', sa.Integer(), server_default='70', nullable=False))
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.alter_column('ring_volume', server_default=None)


def downgrade() -> None:
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.drop_column('ring_volume')
